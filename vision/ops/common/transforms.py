"""Derivatives that operators of torch.library cannot have: those of torch.func, and forward-mode ones."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from vision.ops.common.tracing import constant


@constant  # Dynamo enters the transforms of what it traces, and guards on those around it
def are_active() -> bool:
    """Whether derivatives are being made here that only PyTorch's own operators carry on.

    torch calls an operator of torch.library without a tangent, and gives zeros or None for its derivative, silently.
    """
    if forward_ad._current_level >= 0:
        return True
    stack = torch._C._functorch.get_interpreter_stack()
    return bool(stack) and any(level.key() != torch._C._functorch.TransformType.Vmap for level in stack)


def why_not() -> str | None:
    """Why a backend that has no such derivatives cannot do a call now, or None."""
    if not are_active():
        return None
    return "no torch.func gradients (grad, vjp, jvp, jacrev, jacfwd) and no forward-mode derivatives"
