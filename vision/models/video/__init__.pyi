from .protocol import FrameDetector, StreamState

__all__ = [
    "FrameDetector",
    "StreamState",
]
