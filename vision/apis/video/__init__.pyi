from .inferencer import VideoInferencer, VideoResult

__all__ = [
    "VideoInferencer",
    "VideoResult",
]
