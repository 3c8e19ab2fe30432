"""Metrics of the suite. Each is imported when it is first asked for; those for the Runner need mmengine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.metrics.accuracy import TopKAccuracy
    from vision.metrics.binary import binary_report
    from vision.metrics.evaluation import Predictions, predict
    from vision.metrics.forgery import ForgeryMetric
    from vision.metrics.opencv_stereo import bm_disparity, sgbm_disparity
    from vision.metrics.robustness import format_sweep, robustness_sweep
    from vision.metrics.stereo import StereoScores, stereo_errors
    from vision.metrics.stereo_metric import StereoMetric
    from vision.metrics.stereo_table import StereoRow, format_stereo_table
    from vision.metrics.table import format_table, generator_rows, mean_row

_HOME = {
    "ForgeryMetric": "vision.metrics.forgery",
    "Predictions": "vision.metrics.evaluation",
    "StereoMetric": "vision.metrics.stereo_metric",
    "StereoRow": "vision.metrics.stereo_table",
    "StereoScores": "vision.metrics.stereo",
    "TopKAccuracy": "vision.metrics.accuracy",
    "binary_report": "vision.metrics.binary",
    "bm_disparity": "vision.metrics.opencv_stereo",
    "format_stereo_table": "vision.metrics.stereo_table",
    "format_sweep": "vision.metrics.robustness",
    "format_table": "vision.metrics.table",
    "generator_rows": "vision.metrics.table",
    "mean_row": "vision.metrics.table",
    "predict": "vision.metrics.evaluation",
    "robustness_sweep": "vision.metrics.robustness",
    "sgbm_disparity": "vision.metrics.opencv_stereo",
    "stereo_errors": "vision.metrics.stereo",
}

__all__ = [
    "ForgeryMetric",
    "Predictions",
    "StereoMetric",
    "StereoRow",
    "StereoScores",
    "TopKAccuracy",
    "binary_report",
    "bm_disparity",
    "format_stereo_table",
    "format_sweep",
    "format_table",
    "generator_rows",
    "mean_row",
    "predict",
    "robustness_sweep",
    "sgbm_disparity",
    "stereo_errors",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
