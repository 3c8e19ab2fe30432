"""Anchor-free head: scores and box sides as distributions (Generalized Focal Loss, arXiv 2006.04388)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1  # of leaky ReLUs


class DenseOutput(NamedTuple):
    """What the head says of every point of all levels together.

    Attributes:
        logits: `[B, P, classes]`.
        sides: logits of the distances to left, top, right and bottom, `[B, P, 4, bins]`; bin i stands for i strides.
        points: centers in pixels of the image, `[P, 2]`.
        strides: pixels per step of the level, `[P]`.
    """

    logits: Tensor
    sides: Tensor
    points: Tensor
    strides: Tensor

    def boxes(self) -> Tensor:
        """The boxes xyxy in pixels, `[B, P, 4]`: sides are the means of their distributions."""
        bins = torch.arange(self.sides.shape[-1], dtype=self.sides.dtype, device=self.sides.device)
        distances = self.sides.softmax(-1) @ bins * self.strides[:, None]
        return torch.cat((self.points - distances[..., :2], self.points + distances[..., 2:]), -1)


class DistributionHead(nn.Module):
    """One 3x3 and one 1x1 convolution per level.

    Args:
        num_classes: scores per point.
        in_channels: of every level.
        strides: of the levels, in pixels.
        num_bins: values that a side's length may take: 0 to `num_bins - 1` strides.
    """

    def __init__(
        self, num_classes: int, in_channels: int = 128, strides: Sequence[int] = (8, 16, 32), num_bins: int = 11
    ) -> None:
        super().__init__()
        self.num_classes, self.num_bins = num_classes, num_bins
        self.strides = tuple(strides)
        self.convs = nn.ModuleList(nn.Conv2d(in_channels, in_channels, 3, padding=1) for _ in strides)
        self.outs = nn.ModuleList(_last(in_channels, num_classes, num_bins) for _ in strides)

    def forward(self, levels: Sequence[Tensor]) -> DenseOutput:
        """Maps `[B, in_channels, H, W]` of each stride -> what stands in `DenseOutput`."""
        outs = [
            out(F.leaky_relu(conv(level), SLOPE)).flatten(2).mT
            for conv, out, level in zip(self.convs, self.outs, levels, strict=True)
        ]
        flat = torch.cat(outs, 1).float()
        logits, sides = flat.split((self.num_classes, 4 * self.num_bins), -1)
        points, strides = _grid([level.shape[-2:] for level in levels], self.strides, flat.device)
        return DenseOutput(logits, sides.unflatten(-1, (4, self.num_bins)), points, strides)


def _last(in_channels: int, num_classes: int, num_bins: int) -> nn.Conv2d:
    """The convolution that says it; scores begin at 0.01."""
    out = nn.Conv2d(in_channels, num_classes + 4 * num_bins, 1)
    assert out.bias is not None
    nn.init.normal_(out.weight, std=0.01)
    nn.init.constant_(out.bias[:num_classes], -4.6)
    return out


def _grid(sizes: Sequence[Sequence[int]], strides: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Centers `[P, 2]` and strides `[P]` of the points of all levels, row by row."""
    points, steps = [], []
    for (height, width), stride in zip(sizes, strides, strict=True):
        y = (torch.arange(height, device=device) + 0.5) * stride
        x = (torch.arange(width, device=device) + 0.5) * stride
        points.append(torch.stack((x.expand(height, -1), y[:, None].expand(-1, width)), -1).reshape(-1, 2))
        steps.append(torch.full((height * width,), float(stride), device=device))
    return torch.cat(points), torch.cat(steps)
