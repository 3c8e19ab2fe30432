"""Registers what training and testing a video detector needs; what is built on mmdet, where mmdet is installed."""

import importlib.util

from mmengine.registry import DATA_SAMPLERS, DATASETS, TRANSFORMS

from vision.engine.registries.register import register

if importlib.util.find_spec("mmdet"):
    from vision.datasets.video import (
        BilateralUniformSample,
        CocoVID,
        DegradeFrames,
        ImageNetDET,
        ImageNetVID,
        MOTFolders,
        VideoBatchSampler,
        VideoConcat,
        VideoSampler,
    )

    register(DATASETS, CocoVID, ImageNetDET, ImageNetVID, MOTFolders, VideoConcat)
    register(DATA_SAMPLERS, VideoBatchSampler, VideoSampler)
    register(TRANSFORMS, BilateralUniformSample, DegradeFrames)
