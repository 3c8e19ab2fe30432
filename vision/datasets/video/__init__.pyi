from .base import VideoDataset
from .coco_vid import CocoVID
from .coco_vid_file import read_coco_vid
from .concat import VideoConcat
from .mot import MOTFolders
from .records import Problems, frame_record, instance_record, video_record
from .references import BilateralUniformSample
from .sampler import VideoBatchSampler, VideoSampler
from .synthetic import LoadSyntheticFrame, SyntheticVideo

__all__ = [
    "BilateralUniformSample",
    "CocoVID",
    "LoadSyntheticFrame",
    "MOTFolders",
    "Problems",
    "SyntheticVideo",
    "VideoBatchSampler",
    "VideoConcat",
    "VideoDataset",
    "VideoSampler",
    "frame_record",
    "instance_record",
    "read_coco_vid",
    "video_record",
]
