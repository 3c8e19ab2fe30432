"""Registers what training and testing a video detector needs; what is built on mmdet, where mmdet is installed."""

import importlib.util

from mmengine.registry import DATA_SAMPLERS, DATASETS, TRANSFORMS

from vision.engine.registries.register import register

if importlib.util.find_spec("mmdet"):
    from vision.datasets.video import (
        BilateralUniformSample,
        CocoVID,
        LoadSyntheticFrame,
        MOTFolders,
        SyntheticVideo,
        VideoBatchSampler,
        VideoConcat,
        VideoSampler,
    )

    register(DATASETS, CocoVID, MOTFolders, SyntheticVideo, VideoConcat)
    register(DATA_SAMPLERS, VideoBatchSampler, VideoSampler)
    register(TRANSFORMS, BilateralUniformSample, LoadSyntheticFrame)
