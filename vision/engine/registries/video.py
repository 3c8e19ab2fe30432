"""Registers what training and testing a video detector needs; what is built on mmdet, where mmdet is installed."""

import importlib.util

from mmengine.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, OPTIM_WRAPPERS, TRANSFORMS

from vision.datasets.video.clips import VideoClips
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register
from vision.metrics import VIDMetric
from vision.models.video.network import VideoNetwork

register(DATASETS, VideoClips)
register(METRICS, VIDMetric)
register(MODELS, VideoNetwork)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
if importlib.util.find_spec("mmdet"):
    from backbones import NAT, DiNAT, DiNATS
    from heads import MambaBBoxHead, MambaRoIHead
    from vision.datasets.video import (
        BilateralUniformSample,
        CocoVID,
        DegradeFrames,
        ImageNetDET,
        ImageNetVID,
        LoadSyntheticFrame,
        MOTFolders,
        SyntheticVideo,
        VideoBatchSampler,
        VideoConcat,
        VideoSampler,
    )
    from vision.models import VideoDetector, VideoTrainer

    register(MODELS, NAT, DiNAT, DiNATS, MambaBBoxHead, MambaRoIHead, VideoDetector, VideoTrainer)
    register(DATASETS, CocoVID, ImageNetDET, ImageNetVID, MOTFolders, SyntheticVideo, VideoConcat)
    register(DATA_SAMPLERS, VideoBatchSampler, VideoSampler)
    register(TRANSFORMS, BilateralUniformSample, DegradeFrames, LoadSyntheticFrame)
