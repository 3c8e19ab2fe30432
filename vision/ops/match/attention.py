"""Match attention: a query attends to a window around a point of its own choice (MatchAttention, arXiv 2510.14260)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from vision.ops.common.backends import select
from vision.ops.match.arguments import make_call
from vision.ops.match.backends import BACKENDS


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
    """Attention by L1 distance to the pixels around a center that lies between pixels, differentiable by the center.

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
        backend: "native" (C++ and CUDA kernels), "reference" (PyTorch), or None for the fastest that can.

    Returns:
        Output like `query`, and the weights `[B, H, W, heads, M]`, row by row, in its dtype.

    Raises:
        TypeError: a tensor is not floating point or not of the dtype of `query`, or a number is no integer.
        ValueError: a shape, device, number or the name of the backend is wrong.
        RuntimeError: the backend that was named cannot do this call; the message says why.
    """
    call = make_call(query, key, value, offset, window_radius, scale, need_weights)
    return select(BACKENDS, backend, call).run(call)
