from .forgery import ForgeryInferencer, ForgeryResult, HeatMap, verdict
from .stereo import StereoInferencer, StereoResult, StereoVideo

__all__ = [
    "ForgeryInferencer",
    "ForgeryResult",
    "HeatMap",
    "StereoInferencer",
    "StereoResult",
    "StereoVideo",
    "verdict",
]
