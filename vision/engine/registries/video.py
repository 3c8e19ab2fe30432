"""Registers what training and testing a video detector needs; what is built on mmdet, where mmdet is installed."""

import importlib.util

from mmengine.registry import MODELS, OPTIM_WRAPPERS

from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register

register(OPTIM_WRAPPERS, Bf16OptimWrapper)
if importlib.util.find_spec("mmdet"):
    from backbones import NAT, DiNAT, DiNATS
    from vision.models import VideoDetector

    register(MODELS, NAT, DiNAT, DiNATS, VideoDetector)
