from .forgery import ForgeryInferencer, ForgeryResult, HeatMap, verdict
from .stereo import StereoInferencer, StereoResult, StereoVideo
from .video import VideoInferencer, VideoResult

__all__ = [
    "ForgeryInferencer",
    "ForgeryResult",
    "HeatMap",
    "StereoInferencer",
    "StereoResult",
    "StereoVideo",
    "VideoInferencer",
    "VideoResult",
    "verdict",
]
