"""Registers every backbone in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

from backbones import (
    NAT,
    ConvFormer,
    CSPNet,
    DiNAT,
    DiNATS,
    DualFrequencyFoundationNet,
    DualFrequencyNet,
    DualFrequencyStatisticsNet,
)

BACKBONES = (
    NAT,
    ConvFormer,
    CSPNet,
    DiNAT,
    DiNATS,
    DualFrequencyFoundationNet,
    DualFrequencyNet,
    DualFrequencyStatisticsNet,
)

for backbone in BACKBONES:
    # A task's registry (vision/engine/registries) may have come first.
    if MODELS.module_dict.get(backbone.__name__) is not backbone:
        MODELS.register_module(module=backbone)
