"""Registers what training and testing a video detector needs; what is built on mmdet, where mmdet is installed."""

import importlib.util

from mmengine.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, OPTIM_WRAPPERS, TRANSFORMS

from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register
from vision.metrics import VIDMetric

register(METRICS, VIDMetric)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
if importlib.util.find_spec("mmdet"):
    from backbones import NAT, DiNAT, DiNATS
    from heads import MambaBBoxHead, MambaRoIHead
    from vision.datasets.video import (
        BilateralUniformSample,
        CocoVID,
        MOTFolders,
        VideoBatchSampler,
        VideoConcat,
        VideoSampler,
    )
    from vision.models import VideoDetector

    register(MODELS, NAT, DiNAT, DiNATS, MambaBBoxHead, MambaRoIHead, VideoDetector)
    register(DATASETS, CocoVID, MOTFolders, VideoConcat)
    register(DATA_SAMPLERS, VideoBatchSampler, VideoSampler)
    register(TRANSFORMS, BilateralUniformSample)
