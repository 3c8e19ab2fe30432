from .attention import BlockAttention
from .dense import DenseResult
from .forgery import ForgeryResult
from .heatmap import HeatMap
from .history import ScaleEstimate
from .stereo import StereoResult
from .video import Detections, VideoResult
from .watermark import WatermarkMatch

__all__ = [
    "BlockAttention",
    "DenseResult",
    "Detections",
    "ForgeryResult",
    "HeatMap",
    "ScaleEstimate",
    "StereoResult",
    "VideoResult",
    "WatermarkMatch",
]
