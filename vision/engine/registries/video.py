"""Registers what training and testing a video detector needs; what is built on mmdet imports it when it is built."""

from mmengine.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, OPTIM_WRAPPERS, TRANSFORMS

import heads
import vision.datasets.video
import vision.models
from backbones import NAT, DiNAT, DiNATS
from vision.datasets.video import VideoBatchSampler, VideoSampler
from vision.datasets.video.clips import VideoClips
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register, register_unloaded
from vision.metrics import VIDMetric
from vision.models import VideoNetwork, VideoTrainer

register(MODELS, NAT, DiNAT, DiNATS, VideoNetwork, VideoTrainer)
register_unloaded(MODELS, heads, "MambaBBoxHead", "MambaRoIHead")
register_unloaded(MODELS, vision.models, "VideoDetector")
register(DATASETS, VideoClips)
register_unloaded(
    DATASETS,
    vision.datasets.video,
    "CocoVID",
    "ImageNetDET",
    "ImageNetVID",
    "MOTFolders",
    "SyntheticVideo",
    "VideoConcat",
)
register(DATA_SAMPLERS, VideoBatchSampler, VideoSampler)
register_unloaded(TRANSFORMS, vision.datasets.video, "BilateralUniformSample", "DegradeFrames", "LoadSyntheticFrame")
register(METRICS, VIDMetric)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
