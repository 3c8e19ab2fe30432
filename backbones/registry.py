"""Registers every backbone in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

from backbones.dual_frequency import DualFrequencyNet

MODELS.register_module(module=DualFrequencyNet)
