"""Match attention in PyTorch, on any device (MatchAttention, arXiv 2510.14260): the oracle of the kernels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vision.ops.common.precision import compute_dtype, full_precision

MARGIN = 1e-3  # keeps the whole window inside, also when the center lies on the last pixel


def match_attention(
    query: Tensor, key: Tensor, value: Tensor, offset: Tensor, radius_x: int, radius_y: int, scale: float
) -> tuple[Tensor, Tensor]:
    """Attention of every query to the window around its own center; numbers as those of `nbv::match_attention`.

    float16 and bfloat16 are computed in float32 and rounded at the end; centers are never rounded.

    Args:
        query: `[B, H, W, heads, dim]`.
        key: like `query`.
        value: like `query`.
        offset: centers (x, y) in pixels of the map, `[B, H, W, heads, 2]`; clamped so that the window lies inside.

    Returns:
        Output like `query`, and weights `[B, H, W, heads, (2 radius_y + 2) * (2 radius_x + 2)]`, row by row.
    """
    with full_precision(query.device.type):
        dtype, radius = compute_dtype(query.dtype), (radius_x, radius_y)
        corner, fraction = _corners(offset.to(dtype), radius, query.shape[1:3])
        keys, values = (_gather_windows(t.to(dtype), corner, radius) for t in (key, value))  # [B, H, W, heads, M, dim]
        logits = -scale * (query.to(dtype).unsqueeze(-2) - keys).abs().sum(-1)
        attn = bilinear_softmax(logits, fraction, radius)
        out = (attn.unsqueeze(-2) @ values).squeeze(-2)
        return out.to(query.dtype), attn.to(query.dtype)


def bilinear_softmax(logits: Tensor, fraction: Tensor, radius: tuple[int, int]) -> Tensor:
    """Softmax inside each of the four windows around the pixels next to a center, mixed as in bilinear sampling.

    Args:
        logits: `[..., (2 radius_y + 2) * (2 radius_x + 2)]`, row by row.
        fraction: where the center is between those four pixels (x, y), `[..., 2]`.
        radius: of a window, (x, y).

    Returns:
        Weights like `logits`; their sum is 1.
    """
    columns, rows = 2 * radius[0] + 1, 2 * radius[1] + 1
    grid = logits.unflatten(-1, (rows + 1, columns + 1))
    dx, dy = fraction.unsqueeze(-1).unbind(-2)
    weights = torch.zeros_like(grid)
    for y, share_y in ((0, 1 - dy), (1, dy)):
        for x, share_x in ((0, 1 - dx), (1, dx)):
            window = grid[..., y : y + rows, x : x + columns]
            share = window.flatten(-2).softmax(-1) * (share_x * share_y)
            weights = weights + F.pad(share.unflatten(-1, (rows, columns)), (x, 1 - x, y, 1 - y))
    return weights.flatten(-2)


def _corners(offset: Tensor, radius: tuple[int, int], size: torch.Size) -> tuple[Tensor, Tensor]:
    """Integral pixel (x, y) before each center and the way from there to the center, both `[B, H, W, heads, 2]`."""
    first = torch.tensor(radius, dtype=torch.float64, device="cpu")
    end = _lengths(size) - 1 - first
    low, high, last = (limit.to(offset) for limit in (first, end - MARGIN, end - 1))
    clamped = torch.where(offset > low, torch.minimum(offset, high), low)  # no index comes of NaN
    inside = (offset >= low) & (offset <= high) | offset.isnan()  # the limits too have a gradient, unlike in clamp
    corner = torch.minimum(clamped.detach().floor(), last)  # far out, floats lose the margin
    return corner.long(), torch.where(inside, offset, clamped.detach()) - corner


def _lengths(size: torch.Size) -> Tensor:
    """Sides (width, height) of a map (height, width), in float64 on the CPU.

    Not by `torch.tensor`: programs that are exported for many sizes would keep those of the example.
    """
    return torch.stack([torch.full((), side, dtype=torch.float64, device="cpu") for side in reversed(size)])


def _gather_windows(x: Tensor, corner: Tensor, radius: tuple[int, int]) -> Tensor:
    """`[B, H, W, heads, dim]` -> `[B, H, W, heads, M, dim]`: the pixels -radius .. radius + 1 from each corner."""
    b, h, w, heads, dim = x.shape
    dx, dy = (torch.arange(-r, r + 2, device=x.device) for r in radius)
    columns, rows = corner[..., 0, None, None] + dx, corner[..., 1, None, None] + dy[:, None]
    index = (rows * w + columns).permute(0, 3, 1, 2, 4, 5).flatten(2).unsqueeze(-1)  # [B, heads, H * W * M, 1]
    maps = x.permute(0, 3, 1, 2, 4).flatten(2, 3)
    windows = maps.gather(2, index.expand(-1, -1, -1, dim)).view(b, heads, h, w, dy.numel() * dx.numel(), dim)
    return windows.permute(0, 2, 3, 1, 4, 5)
