"""Fields of displacements `[2B, H, W, 2]` (x, y): first those of one view of every pair, then those of the other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vision.layers.fields import round_trip, swap_views
from vision.ops.common.precision import full_precision


def horizontal(field: Tensor) -> Tensor:
    """The same field `[..., 2]` with y = 0."""
    return F.pad(field[..., :1], (0, 1))


def consistency(field: Tensor, grid: Tensor, threshold: float = 2.0) -> Tensor:
    """1 where a pixel's match leads back to it, 0 elsewhere: `[2B, H, W, 2]` -> `[2B, H, W, 1]`.

    The test is `|f(p) + f'(p + f(p))|_1 < threshold` pixels, f' of the other view, bilinear, zero outside.
    `grid` is the field's `pixel_grid`.
    """
    miss = round_trip(field, swap_views(field), grid + field, grid[-1, -1])
    return (miss < threshold).unsqueeze(-1).to(field.dtype)


def convex_upsample(field: Tensor, mask: Tensor, factor: int) -> Tensor:
    """Enlarge a field: each new pixel is a convex combination of the 3x3 old ones around it (RAFT, arXiv 2003.12039).

    Args:
        field: displacements in pixels, `[B, H, W, C]`; zero outside.
        mask: logits of the combinations, `[B, H, W, 9 * factor * factor]`: neighbors, then rows, then columns.
        factor: how many times the size.

    Returns:
        Displacements in new pixels, `[B, factor * H, factor * W, C]`.
    """
    b, h, w, c = field.shape
    weights = mask.to(field.dtype).unflatten(-1, (9, factor * factor)).softmax(-2)
    padded = F.pad(field * factor, (0, 0, 1, 1, 1, 1))
    neighbors = torch.stack([padded[:, y : y + h, x : x + w] for y in range(3) for x in range(3)], dim=-1)
    # Autocast would round displacements to bfloat16, from 256 pixels on by up to a pixel.
    with full_precision(field.device.type):
        out = neighbors @ weights
    out = out.unflatten(-1, (factor, factor))  # [B, H, W, C, rows, columns]
    return out.permute(0, 1, 4, 2, 5, 3).reshape(b, factor * h, factor * w, c)
