"""Registers our backbones for the models of mmdet and mmseg, which bring the rest and are not imported here."""

from mmengine.registry import MODELS, OPTIM_WRAPPERS

from backbones import NAT, DiNAT, DiNATS
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register

register(MODELS, NAT, DiNAT, DiNATS)
register(OPTIM_WRAPPERS, Bf16OptimWrapper)
