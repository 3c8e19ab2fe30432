"""Which gradients a backward pass is asked for: `torch.autograd.grad(loss, value)` needs no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_LEAF = "torch::autograd::AccumulateGrad"


def with_node(tensor: Tensor | None) -> Tensor | None:
    """The tensor; an alias where it is a leaf of autograd.

    The engine tells whether a backward pass runs a node, but not those of leaves. An alias has one of its own.
    """
    if tensor is None or not (tensor.requires_grad and tensor.is_leaf and torch.is_grad_enabled()):
        return tensor
    return tensor if torch.compiler.is_compiling() else tensor.view_as(tensor)


def needed_gradients(ctx: Any, inputs: Sequence[Tensor | None]) -> list[bool]:
    """Of each input, whether its gradient is asked for; True where nobody can tell.

    Args:
        ctx: autograd's context of an operator whose tensors come first, in the order of `inputs`.
        inputs: None for those that were not given.
    """
    needed = list(ctx.needs_input_grad[: len(inputs)])
    if torch.compiler.is_compiling():
        return needed
    nodes = iter(ctx.next_functions)  # of the tensors alone
    for i, tensor in enumerate(inputs):
        if tensor is not None:
            node, _ = next(nodes)
            needed[i] = needed[i] and _is_run(node)
    return needed


def _is_run(node: Any) -> bool:
    if node is None:
        return False
    if node.name() == _LEAF:
        return True
    try:
        return torch._C._will_engine_execute_node(node)
    except RuntimeError:  # outside of the engine
        return True
