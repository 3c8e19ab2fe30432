from .accuracy import TopKAccuracy
from .forgery import (
    ForgeryMetric,
    Predictions,
    binary_report,
    format_sweep,
    format_table,
    generator_rows,
    mean_row,
    predict,
    robustness_sweep,
)
from .stereo import (
    StereoMetric,
    StereoRow,
    StereoScores,
    bm_disparity,
    format_stereo_table,
    sgbm_disparity,
    stereo_errors,
)
from .video import VIDMetric, format_video_table, motion_ious, video_scores

__all__ = [
    "ForgeryMetric",
    "Predictions",
    "StereoMetric",
    "StereoRow",
    "StereoScores",
    "TopKAccuracy",
    "VIDMetric",
    "binary_report",
    "bm_disparity",
    "format_stereo_table",
    "format_sweep",
    "format_table",
    "format_video_table",
    "generator_rows",
    "mean_row",
    "motion_ious",
    "predict",
    "robustness_sweep",
    "sgbm_disparity",
    "stereo_errors",
    "video_scores",
]
