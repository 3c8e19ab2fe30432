from .dense import DenseResult
from .forgery import ForgeryResult
from .heatmap import HeatMap
from .stereo import StereoResult
from .video import Detections, VideoResult
from .watermark import WatermarkMatch

__all__ = [
    "DenseResult",
    "Detections",
    "ForgeryResult",
    "HeatMap",
    "StereoResult",
    "VideoResult",
    "WatermarkMatch",
]
