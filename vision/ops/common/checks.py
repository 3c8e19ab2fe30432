"""Arguments of operators on heads-last maps, checked: tensors, dtypes, devices, scales."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def as_integer(value: Any) -> int | None:
    """An integer of Python, NumPy or torch's tracing as Python's, None if it is none.

    A size that tracing has made a symbol becomes the number that it is, and the trace holds for that number only.
    """
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, Integral | torch.SymInt):
        return None
    return int(value)


def make_scale(scale: float | None, dim: int) -> float:
    """`scale`, or `dim ** -0.5` if None; 0 is a scale."""
    if scale is None:
        return dim**-0.5
    if not isinstance(scale, Real | torch.SymFloat) or isinstance(scale, bool):
        raise TypeError(f"scale must be a number or None, got {scale!r}")
    return float(scale)


def check_grid(name: str, tensor: Tensor, rank: int) -> None:
    """Raise where `tensor` is not a floating point `[B, *spatial, heads, dim]` of `rank` axes."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(tensor).__name__}")
    if tensor.dim() != rank + 3:
        axes = ", ".join(["B", *(f"axis {i}" for i in range(1, rank + 1)), "heads", "dim"])
        raise ValueError(f"{name} must be [{axes}] ({rank + 3} dimensions), got shape {tuple(tensor.shape)}")
    if tensor.dtype not in DTYPES:
        raise TypeError(f"{name} must be float32, float64, bfloat16 or float16, got {tensor.dtype}")
    if tensor.shape[-1] < 1 or tensor.shape[-2] < 1:
        raise ValueError(f"{name} must have at least one head and one channel, got shape {tuple(tensor.shape)}")


def check_like(
    name: str,
    tensor: Tensor,
    query: Tensor,
    *,
    heads: int | None = None,
    heads_of: str = "key",
    dim: int | None = None,
    other: str = "query",
) -> None:
    """Raise where `tensor` is not `[B, *spatial, heads_kv, dim]` to go with `query` (called `other`); None: any."""
    check_grid(name, tensor, query.dim() - 3)
    check_kind(name, tensor, other, query)
    shape, like = tensor.shape, query.shape
    if shape[:-2] != like[:-2]:
        raise ValueError(
            f"{name} must have the batch and spatial sizes {tuple(like[:-2])} of {other}, got {tuple(shape[:-2])}"
        )
    if heads is not None and shape[-2] != heads:
        raise ValueError(f"{name} must have the {heads} heads of {heads_of}, got {shape[-2]}")
    if like[-2] % shape[-2]:
        raise ValueError(f"heads of {name} must divide the {like[-2]} heads of {other}, got {shape[-2]}")
    if dim is not None and shape[-1] != dim:
        raise ValueError(f"{name} must have the head dim {dim} of {other}, got {shape[-1]}")


def check_kind(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Raise where two tensors differ in dtype or device."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(tensor).__name__}")
    if tensor.dtype != other.dtype:
        raise TypeError(f"{name} must have the dtype {other.dtype} of {other_name}, got {tensor.dtype}")
    if tensor.device != other.device:
        raise ValueError(f"{name} must be on {other.device} as {other_name}, got {tensor.device}")
