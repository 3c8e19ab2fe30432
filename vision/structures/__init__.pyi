from .dense import DenseResult
from .forgery import ForgeryResult
from .heatmap import HeatMap
from .stereo import StereoResult

__all__ = [
    "DenseResult",
    "ForgeryResult",
    "HeatMap",
    "StereoResult",
]
