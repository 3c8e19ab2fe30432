"""Registers what this package brings to mmengine's root registries; configs import it (`custom_imports`)."""

from mmengine.registry import OPTIM_WRAPPERS

from vision.optim import Bf16OptimWrapper

OPTIM_WRAPPERS.register_module(module=Bf16OptimWrapper)
