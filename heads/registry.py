"""Registers every head in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

from heads.forgery import ForgeryHead

MODELS.register_module(module=ForgeryHead)
