"""Match attention: a query attends to a window round a point of its own choice (MatchAttention, arXiv 2510.14260)."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import torch
from torch import Tensor

from vision.ops.common.checks import DTYPES, autocast_is_on, autocast_tensors, check_grid, check_like, make_scale
from vision.ops.match import native as match_native
from vision.ops.match import reference as match_reference
from vision.ops.neighborhood.reference import compute_dtype


def match_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    offset: Tensor,
    window_radius: int | Sequence[int],
    scale: float | None = None,
    *,
    need_weights: bool = True,
    backend: str | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Attention by L1 distance to the pixels round a center that lies between pixels, differentiable by the center.

    A window has the M = (2 radius + 2)^2 pixels `-radius .. radius + 1` from the pixel before the center. The weights
    are the softmax of `-scale * |query - key|_1` inside each of its four sub-windows of (2 radius + 1)^2 pixels, mixed
    as bilinear sampling mixes the four pixels next to the center.

    Args:
        query: `[B, H, W, heads, dim]`, float32, float64, bfloat16 or float16.
        key: like `query`.
        value: like `query`.
        offset: center (x, y) of each window in pixels of the map, absolute, `[B, H, W, heads, 2]`; clamped so that the
            window lies inside. Kept in float32 (float64 for float64 inputs) under autocast and in half precision.
        window_radius: one number, or (x, y); the map must have at least 2 radius + 2 pixels along each axis.
        scale: factor of the distances, `dim ** -0.5` if None.
        need_weights: return the weights; None in their place else, which is faster.
        backend: "native" (C++ kernels for the CPU), "reference" (PyTorch), or None for the fastest that can.

    Returns:
        Output like `query`, and the weights `[B, H, W, heads, M]`, row by row, in its dtype.

    Raises:
        TypeError: a tensor is not floating point or not of the dtype of `query`, or a number is no integer.
        ValueError: a shape, device, number or the name of the backend is wrong.
        RuntimeError: the backend that was named cannot do this call; the message says why.
    """
    check_grid("query", query, 2)
    if autocast_is_on(query.device.type):
        tensors = autocast_tensors(query.device.type, (query, key, value))
        query, key, value = tensors  # type: ignore[assignment]
    for name, tensor in (("key", key), ("value", value)):
        check_like(name, tensor, query, heads=query.shape[-2], heads_of="query", dim=query.shape[-1])
    radius = _radius(window_radius, query)
    offset = _centers(offset, query)
    scale = make_scale(scale, query.shape[-1])
    if _is_native(backend, query, radius):
        return match_native.match_attention(query, key, value, offset, *radius, scale, need_weights)
    out, attn = match_reference.match_attention(query, key, value, offset, *radius, scale)
    return out, attn if need_weights else None


def _is_native(backend: str | None, query: Tensor, radius: tuple[int, int]) -> bool:
    if backend not in (None, "native", "reference"):
        raise ValueError(f"backend must be None, 'native' or 'reference', got {backend!r}")
    if backend == "reference" or (backend is None and _is_exporting()):
        return False
    reason = match_native.why_not(query, *radius)
    if backend == "native" and reason is not None:
        raise RuntimeError(f"backend 'native' cannot do this call: {reason}")
    return reason is None


def _radius(radius: int | Sequence[int], query: Tensor) -> tuple[int, int]:
    numbers = (radius, radius) if not isinstance(radius, Sequence) else tuple(radius)
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


def _is_exporting() -> bool:
    """Exported programs run where our operators are not."""
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
