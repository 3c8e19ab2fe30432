from .base import VideoDataset
from .coco_vid import CocoVID
from .coco_vid_file import read_coco_vid
from .concat import VideoConcat
from .degrade import DegradeFrames, RandomDefocus, RandomMotionBlur
from .imagenet import ImageNetDET, ImageNetVID
from .imagenet_lists import VID_CLASSES, read_train_list, read_video_list
from .mot import MOTFolders
from .records import Problems, frame_record, instance_record, video_record
from .references import BilateralUniformSample
from .sampler import VideoBatchSampler, VideoSampler
from .synthetic import LoadSyntheticFrame, SyntheticVideo

__all__ = [
    "VID_CLASSES",
    "BilateralUniformSample",
    "CocoVID",
    "DegradeFrames",
    "ImageNetDET",
    "ImageNetVID",
    "LoadSyntheticFrame",
    "MOTFolders",
    "Problems",
    "RandomDefocus",
    "RandomMotionBlur",
    "SyntheticVideo",
    "VideoBatchSampler",
    "VideoConcat",
    "VideoDataset",
    "VideoSampler",
    "frame_record",
    "instance_record",
    "read_coco_vid",
    "read_train_list",
    "read_video_list",
    "video_record",
]
