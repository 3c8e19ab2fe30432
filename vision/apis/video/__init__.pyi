from .frames import VideoFrames
from .inferencer import VideoInferencer, VideoResult
from .sink import VideoSink
from .source import VideoFrame
from .state import read_state, write_state

__all__ = [
    "VideoFrame",
    "VideoFrames",
    "VideoInferencer",
    "VideoResult",
    "VideoSink",
    "read_state",
    "write_state",
]
