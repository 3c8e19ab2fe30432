"""Registers every backbone in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

from backbones import NAT, ConvFormer, DiNAT, DiNATS, DualFrequencyNet

for backbone in (NAT, ConvFormer, DiNAT, DiNATS, DualFrequencyNet):
    MODELS.register_module(module=backbone)
