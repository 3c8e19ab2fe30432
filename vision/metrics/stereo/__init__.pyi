from .baselines import bm_disparity, sgbm_disparity
from .errors import (
    COLUMNS,
    REGIONS,
    THRESHOLDS,
    ErrorSums,
    SceneErrors,
    StereoScores,
    error_sums,
    mean_errors,
    region_sums,
    stereo_errors,
)
from .metric import StereoMetric
from .table import StereoRow, format_stereo_table

__all__ = [
    "COLUMNS",
    "REGIONS",
    "THRESHOLDS",
    "ErrorSums",
    "SceneErrors",
    "StereoMetric",
    "StereoRow",
    "StereoScores",
    "bm_disparity",
    "error_sums",
    "format_stereo_table",
    "mean_errors",
    "region_sums",
    "sgbm_disparity",
    "stereo_errors",
]
