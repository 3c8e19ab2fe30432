"""Registers every head in mmengine's root registry; imported by configs only."""

from mmengine.registry import MODELS

from heads import ForgeryBranchesHead, ForgeryHead, MatchDecoder

for head in (ForgeryBranchesHead, ForgeryHead, MatchDecoder):
    # A task's registry (vision/engine/registries) may have come first.
    if MODELS.module_dict.get(head.__name__) is not head:
        MODELS.register_module(module=head)
