from .detector import VideoDetector

__all__ = ["VideoDetector"]
