from .base import VideoDataset
from .records import Problems, frame_record, instance_record, video_record

__all__ = ["Problems", "VideoDataset", "frame_record", "instance_record", "video_record"]
