"""The dual-frequency network on the reduced image, beside statistics of residuals of the whole one."""

from __future__ import annotations

from torch import Tensor, nn

from backbones.dual_frequency import DualFrequencyNet
from backbones.residual_statistics import ResidualStatisticsNet


class DualFrequencyStatisticsNet(nn.Module):
    """Two branches: what a dual-frequency network sees at half size, and residual statistics at full size and below.

    The network finds structures that survive resizing and compression; statistics tell how a camera's neighboring
    pixels and colors depend on each other, which few images suffice to learn. Not in the paper.

    Args:
        scales, hidden, statistics_dropout: of `ResidualStatisticsNet`.
        width, depths, wavelet, dwt_weight, residual, pool, halve, native_prob: of `DualFrequencyNet`.
    """

    def __init__(
        self,
        scales: int = 3,
        hidden: int = 128,
        statistics_dropout: float = 0.4,
        width: int = 32,
        depths: tuple[int, ...] = (3, 4),
        wavelet: str = "haar",
        dwt_weight: float = 0.6,
        residual: bool = True,
        pool: str = "avg",
        halve: bool = True,
        native_prob: float = 0.35,
    ) -> None:
        super().__init__()
        self.network = DualFrequencyNet(3, width, depths, wavelet, dwt_weight, residual, pool, halve, native_prob)
        self.statistics = ResidualStatisticsNet(scales, hidden, statistics_dropout)
        self.num_features = (self.network.num_features, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """ImageNet-normalized images `[B, 3, H, W]`, sides multiples of 4 -> a map of each branch, `[B, C, h, w]`."""
        return self.network(x)[-1], self.statistics(x)[:, :, None, None]
