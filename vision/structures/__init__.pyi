from .dense import DenseResult
from .forgery import ForgeryResult
from .heatmap import HeatMap
from .stereo import StereoResult
from .video import Detections, VideoResult

__all__ = [
    "DenseResult",
    "Detections",
    "ForgeryResult",
    "HeatMap",
    "StereoResult",
    "VideoResult",
]
