from .binary import binary_report
from .evaluation import Predictions, predict
from .metric import ForgeryMetric
from .robustness import format_sweep, robustness_sweep
from .table import format_table, generator_rows, mean_row

__all__ = [
    "ForgeryMetric",
    "Predictions",
    "binary_report",
    "format_sweep",
    "format_table",
    "generator_rows",
    "mean_row",
    "predict",
    "robustness_sweep",
]
