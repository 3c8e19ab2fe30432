"""Registers every backbone in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

from backbones import NAT, ConvFormer, CSPNet, DiNAT, DiNATS, DualFrequencyFoundationNet, DualFrequencyNet

for backbone in (NAT, ConvFormer, CSPNet, DiNAT, DiNATS, DualFrequencyFoundationNet, DualFrequencyNet):
    # A task's registry (vision/engine/registries) may have come first.
    if MODELS.module_dict.get(backbone.__name__) is not backbone:
        MODELS.register_module(module=backbone)
