from .attention import BlockAttention, attention_of
from .forgery import ForgeryInferencer, ForgeryResult, HeatMap, verdict
from .stereo import StereoInferencer, StereoResult, StereoVideo
from .video import VideoFrames, VideoInferencer, VideoResult

__all__ = [
    "BlockAttention",
    "ForgeryInferencer",
    "ForgeryResult",
    "HeatMap",
    "StereoInferencer",
    "StereoResult",
    "StereoVideo",
    "VideoFrames",
    "VideoInferencer",
    "VideoResult",
    "attention_of",
    "verdict",
]
