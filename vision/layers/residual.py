"""Fixed high-pass filters that leave noise and remove content (spatial rich model, Fridrich & Kodovsky, 2012)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

NUM_FILTERS = 3
LIMIT = 4.0


def high_pass_residuals(images: Tensor, limit: float = LIMIT) -> Tensor:
    """Second differences along rows and columns, and the 5x5 square residual, of every channel.

    Args:
        images: `[B, C, H, W]` in gray levels 0..255 (an offset per channel does not matter); sides at least 3.
        limit: residuals are divided by 4 and truncated to +-limit, so that edges do not drown noise.

    Returns:
        `[B, 3 * C, H, W]`, filter by filter; borders are reflected.
    """
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    weight = residual_filters(images)
    return F.conv2d(padded.contiguous(memory_format=torch.channels_last), weight).clamp(-limit, limit)


def residual_filters(images: Tensor) -> Tensor:
    """What the residuals of images `[B, C, H, W]` are convolved with: `[3 * C, C, 5, 5]`."""
    # One dense convolution whose filters are zero for other channels: with so few channels a CPU does it in half the
    # time of a convolution per channel, and what it gives lies in memory as channels-last, as the trunk wants it.
    identity = torch.eye(images.shape[1], dtype=images.dtype, device=images.device)
    return (_filters(images)[:, None] * identity[None, :, :, None, None]).flatten(0, 1) / 4.0


def _filters(like: Tensor) -> Tensor:
    """`[3, 1, 5, 5]`, each of weight -1 at its center."""
    second = torch.tensor([0.0, 0.5, -1.0, 0.5, 0.0])
    center = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    # The 5x5 square residual of the spatial rich model, also known as the KV filter.
    square = [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]
    filters = [torch.outer(center, second), torch.outer(second, center), torch.tensor(square) / 12.0]
    return torch.stack(filters).unsqueeze(1).to(like)
