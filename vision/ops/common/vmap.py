"""vmap of operators whose tensors start with a batch axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def fold_vmap(
    operator: Callable[..., Any],
    size: int,
    in_dims: tuple[Any, ...],
    args: tuple[Any, ...],
    *,
    can_fold: bool = True,
    shared: int | None = None,
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """Outputs of `operator` over one more axis, and where that axis is in each.

    Args:
        operator: returns a tuple of tensors.
        size: length of the axis.
        in_dims: where it is in each of `args`, None where it is not.
        can_fold: whether it can be a part of the batch; else the operator is called once for every index.
        shared: which of `args` is one for the whole batch and has no batch axis.
    """
    # Lists of numbers have a list of None.
    in_dims = tuple(dim if isinstance(dim, int) else None for dim in in_dims)
    front = [arg if dim is None else arg.movedim(dim, 0) for arg, dim in zip(args, in_dims, strict=True)]
    if not can_fold:
        return _call_each(operator, size, in_dims, front)
    folded = [
        arg if i == shared or not isinstance(arg, Tensor) else _fold(arg, size if in_dims[i] is None else None)
        for i, arg in enumerate(front)
    ]
    # An output that stands for no gradient is empty and has no batch.
    split = [_split(out, size) if out.dim() > 1 else out.new_empty(size, 0) for out in operator(*folded)]
    return tuple(split), (0,) * len(split)


def dense_last(tensor: Tensor | None) -> Tensor | None:
    """The same numbers with neighbors of the last axis side by side: the kernels take any strides but that one."""
    return tensor if tensor is None or tensor.stride(-1) == 1 else tensor.contiguous()


def _fold(tensor: Tensor, expand: int | None) -> Tensor | None:
    if expand is not None:
        tensor = tensor.expand(expand, *tensor.shape)
    return dense_last(tensor.flatten(0, 1))


def _split(out: Tensor, size: int) -> Tensor:
    """`[size * B, ...]` -> `[size, B, ...]`."""
    return out.unflatten(0, (size, out.shape[0] // max(size, 1)))


def _call_each(
    operator: Callable[..., Any], size: int, in_dims: tuple[Any, ...], front: list[Any]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    samples = []
    for i in range(size):
        sample = [arg if dim is None else arg[i] for arg, dim in zip(front, in_dims, strict=True)]
        samples.append(operator(*[dense_last(arg) if isinstance(arg, Tensor) else arg for arg in sample]))
    outputs = tuple(map(torch.stack, zip(*samples, strict=True)))
    return outputs, (0,) * len(outputs)
