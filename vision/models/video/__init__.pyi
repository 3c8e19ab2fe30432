from .checkpoint import video_detector, video_models
from .detector import VideoDetector
from .network import VideoNetwork
from .protocol import FrameDetector, StreamState
from .trainer import VideoTrainer

__all__ = [
    "FrameDetector",
    "StreamState",
    "VideoDetector",
    "VideoNetwork",
    "VideoTrainer",
    "video_detector",
    "video_models",
]
