"""What the ops share: dtypes that torchvision's kernels take, and gradients of what was computed without a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """A tensor of half precision as float32, any other as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def gradients(function: Callable[..., Tensor], inputs: Sequence[Tensor], grad_output: Tensor) -> list[Tensor]:
    """The gradients of a function at its inputs, which mmcv's autograd functions ask for after the forward pass."""
    leaves = [at_least_float32(x.detach()).requires_grad_() for x in inputs]
    with torch.enable_grad():
        output = function(*leaves)
    found = torch.autograd.grad(output, leaves, grad_output.to(output.dtype), allow_unused=True)
    return [torch.zeros_like(x) if grad is None else grad for x, grad in zip(leaves, found, strict=True)]
