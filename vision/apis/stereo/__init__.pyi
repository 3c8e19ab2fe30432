from .inferencer import MIN_MODEL_SIDE, Pair, StereoInferencer, StereoResult
from .video import StereoVideo

__all__ = [
    "MIN_MODEL_SIDE",
    "Pair",
    "StereoInferencer",
    "StereoResult",
    "StereoVideo",
]
