"""Metrics of the suite. Each is imported when it is first asked for; those for the Runner need mmengine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.metrics.accuracy import TopKAccuracy
    from vision.metrics.binary import binary_report
    from vision.metrics.evaluation import Predictions, predict
    from vision.metrics.forgery import ForgeryMetric
    from vision.metrics.robustness import format_sweep, robustness_sweep
    from vision.metrics.table import format_table, generator_rows, mean_row

_HOME = {
    "ForgeryMetric": "vision.metrics.forgery",
    "Predictions": "vision.metrics.evaluation",
    "TopKAccuracy": "vision.metrics.accuracy",
    "binary_report": "vision.metrics.binary",
    "format_sweep": "vision.metrics.robustness",
    "format_table": "vision.metrics.table",
    "generator_rows": "vision.metrics.table",
    "mean_row": "vision.metrics.table",
    "predict": "vision.metrics.evaluation",
    "robustness_sweep": "vision.metrics.robustness",
}

__all__ = [
    "ForgeryMetric",
    "Predictions",
    "TopKAccuracy",
    "binary_report",
    "format_sweep",
    "format_table",
    "generator_rows",
    "mean_row",
    "predict",
    "robustness_sweep",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
