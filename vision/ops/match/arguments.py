"""What a call of match attention takes: normalized, and refused where it cannot be right."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from vision.ops.common.checks import DTYPES, check_grid, check_like, make_scale
from vision.ops.common.precision import autocast_is_on, autocast_tensors, compute_dtype


class Call(NamedTuple):
    """Checked arguments, and what the caller wants back."""

    query: Tensor  # [B, H, W, heads, dim], as key and value
    key: Tensor
    value: Tensor
    offset: Tensor  # [B, H, W, heads, 2], centers (x, y), float32 or float64
    radius_x: int
    radius_y: int
    scale: float
    need_weights: bool = True


def make_call(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    offset: Tensor,
    window_radius: int | Sequence[int],
    scale: float | None,
    need_weights: bool,
) -> Call:
    """Checked arguments; under autocast query, key and value of the dtype that it asks for.

    Raises:
        TypeError: a tensor is none, or is not floating point, or has another dtype than `query`.
        ValueError: a shape, device or number does not fit.
    """
    check_grid("query", query, 2)
    if autocast_is_on(query.device.type):
        tensors = autocast_tensors(query.device.type, (query, key, value))
        query, key, value = tensors  # type: ignore[assignment]
    for name, tensor in (("key", key), ("value", value)):
        check_like(name, tensor, query, heads=query.shape[-2], heads_of="query", dim=query.shape[-1])
    radius_x, radius_y = _radius(window_radius, query)
    offset = _centers(offset, query)
    return Call(query, key, value, offset, radius_x, radius_y, make_scale(scale, query.shape[-1]), need_weights)


def _radius(radius: int | Sequence[int], query: Tensor) -> tuple[int, int]:
    numbers = tuple(radius) if isinstance(radius, Sequence | np.ndarray) else (radius, radius)
    if any(isinstance(r, bool) or not hasattr(r, "__index__") for r in numbers):
        raise TypeError(f"window_radius must be an integer or two, (x, y), got {radius!r}")
    pair = tuple(operator.index(r) for r in numbers)
    if len(pair) != 2 or min(pair) < 0:
        raise ValueError(f"window_radius must be one number or two, (x, y), none negative, got {radius!r}")
    height, width = query.shape[1:3]
    if query.numel() and (width < 2 * pair[0] + 2 or height < 2 * pair[1] + 2):
        raise ValueError(
            f"a map must be at least 2 window_radius + 2 = {2 * pair[0] + 2} x {2 * pair[1] + 2} (width x height) "
            f"for window_radius {pair}, got {width} x {height}"
        )
    return pair[0], pair[1]


def _centers(offset: Tensor, query: Tensor) -> Tensor:
    shape = (*query.shape[:-1], 2)
    if not isinstance(offset, Tensor):
        raise TypeError(f"offset must be a tensor, got {type(offset).__name__}")
    if offset.dtype not in DTYPES:
        raise TypeError(f"offset must be float32, float64, bfloat16 or float16, got {offset.dtype}")
    if offset.device != query.device:
        raise ValueError(f"offset must be on {query.device} as query, got {offset.device}")
    if offset.shape != shape:
        raise ValueError(f"offset must be [B, H, W, heads, 2] = {shape}, got {tuple(offset.shape)}")
    return offset.to(compute_dtype(query.dtype))
