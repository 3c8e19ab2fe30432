"""Path aggregation between the levels of a pyramid (PANet, arXiv 1803.01534), without convolutions of its own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class AdditivePyramid(nn.Module):
    """1x1 convolutions to one width, then sums from coarse to fine and back, resized bilinearly.

    Args:
        in_channels: of each level, fine to coarse.
        channels: of every level that comes out.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 128) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(count, channels, 1) for count in in_channels)

    def project(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Every level alone, brought to `channels`."""
        return [layer(level) for layer, level in zip(self.lateral, features, strict=True)]

    def aggregate(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Levels `[B, channels, H, W]`, fine to coarse, each with what the others see."""
        levels = list(levels)
        for index in range(len(levels) - 1, 0, -1):
            levels[index - 1] = levels[index - 1] + _resized(levels[index], levels[index - 1])
        for index in range(len(levels) - 1):
            levels[index + 1] = levels[index + 1] + _resized(levels[index], levels[index + 1])
        return levels

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps `[B, in_channels[i], H_i, W_i]` -> `[B, channels, H_i, W_i]`."""
        return self.aggregate(self.project(features))


def _resized(level: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(level, size=like.shape[-2:], mode="bilinear", align_corners=False)
