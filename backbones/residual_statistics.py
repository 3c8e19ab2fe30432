"""What two layers learn from the statistics of an image's high-pass residuals."""

from __future__ import annotations

import torch
from torch import Tensor

from backbones.statistics import StatisticsNet
from vision.layers.statistics import residual_statistics, statistics_size
from vision.normalize import IMAGENET_MEAN, IMAGENET_STD


class ResidualStatisticsNet(StatisticsNet):
    """Statistics of high-pass residuals (`vision.layers.statistics`), standardized, then two layers.

    Args:
        scales: at how many sizes, each half of the one before, statistics are taken.
        hidden, dropout: of `StatisticsNet`.
    """

    def __init__(self, scales: int = 3, hidden: int = 128, dropout: float = 0.4) -> None:
        super().__init__(statistics_size(scales), hidden, dropout)
        self.scales = scales

    @torch.no_grad()
    def statistics(self, x: Tensor) -> Tensor:
        """Images `[B, 3, H, W]`, sides at least `8 * 2 ** (scales - 1)` -> `[B, inputs]`."""
        # Single gray levels count, which half precision no longer has near white.
        with torch.autocast(x.device.type, enabled=False):
            mean = torch.tensor(IMAGENET_MEAN, device=x.device).view(-1, 1, 1)
            std = torch.tensor(IMAGENET_STD, device=x.device).view(-1, 1, 1)
            return residual_statistics((x.float() * std + mean).round(), self.scales)
