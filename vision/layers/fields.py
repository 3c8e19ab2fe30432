"""Fields of displacements `[B, H, W, C]`: (x, y) from the pixels of one view to their matches in the other, or x alone.

Where a batch holds pairs, the first half are the fields of one view and the second half those of the other.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def round_trip(field: Tensor, other: Tensor, goal: Tensor, last: Tensor) -> Tensor:
    """How far from its start a pixel ends that goes to the other view and back: `|f(p) + f'(goal(p))|_1` in pixels.

    This is the one measure of whether two views agree. Who asks differs on purpose in where the way there leads and in
    what is near enough: the network follows its own field and takes less than 2 pixels of its map
    (`heads.match.field`), results allow errors that grow with the disparity (`vision.apis.stereo.fields`), and the loss
    follows the ground truth and minimizes the distance itself (`vision.models.stereo.loss`).

    Args:
        field: of the pixels p, `[B, h, w, C]`.
        other: field of the other view, `[B, H, W, C]`; bilinear between pixels, zero outside.
        goal: where the pixels go to in the other view (x, y), in its pixels, `[B, h, w, 2]`.
        last: coordinates (x, y) of the other view's last pixel, `[2]`, both from 1 on.

    Returns:
        Distances `[B, h, w]`.
    """
    # Pixel centers to -1 .. 1, with the corners of the map at the centers of its outer pixels.
    back = F.grid_sample(other.permute(0, 3, 1, 2), goal * (2 / last) - 1, align_corners=True)
    return (field + back.permute(0, 2, 3, 1)).abs().sum(-1)


def pixel_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Own coordinates (x, y) of every pixel, `[H, W, 2]`, of the dtype and device of `like`."""
    x = torch.arange(width, dtype=like.dtype, device=like.device)
    y = torch.arange(height, dtype=like.dtype, device=like.device)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def swap_views(x: Tensor) -> Tensor:
    """`[2B, ...]` with the two halves of the batch exchanged."""
    return torch.cat(x.chunk(2)[::-1])
