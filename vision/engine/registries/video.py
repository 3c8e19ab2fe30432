"""Registers what training and testing a video detector needs; what is built on mmdet, where mmdet is installed."""

import importlib.util

from mmengine.registry import DATA_SAMPLERS, DATASETS, MODELS, TRANSFORMS

from vision.engine.registries.register import register

if importlib.util.find_spec("mmdet"):
    from heads import MambaBBoxHead, MambaRoIHead
    from vision.datasets.video import BilateralUniformSample, CocoVID, VideoBatchSampler, VideoConcat, VideoSampler

    register(MODELS, MambaBBoxHead, MambaRoIHead)
    register(DATASETS, CocoVID, VideoConcat)
    register(DATA_SAMPLERS, VideoBatchSampler, VideoSampler)
    register(TRANSFORMS, BilateralUniformSample)
