"""Registers every head in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

from heads import ForgeryHead, MatchDecoder

for head in (ForgeryHead, MatchDecoder):
    MODELS.register_module(module=head)
