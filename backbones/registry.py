"""Registers every backbone in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

import backbones

for name in backbones.__all__:
    backbone = getattr(backbones, name)
    # A task's registry (vision/engine/registries) may have come first; functions are no backbones.
    if isinstance(backbone, type) and MODELS.module_dict.get(name) is not backbone:
        MODELS.register_module(module=backbone)
