"""The dual-frequency network on the reduced image, beside statistics of residuals and of features of the whole one."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from backbones.dual_frequency import DualFrequencyNet
from backbones.feature_statistics import FeatureStatisticsNet
from backbones.residual_statistics import ResidualStatisticsNet


class DualFrequencyStatisticsNet(nn.Module):
    """Three branches: a dual-frequency network at half size, and statistics of residuals and of features.

    The network finds structures that survive resizing; the statistics of residuals tell how a camera's neighboring
    pixels and colors depend on each other; those of features that have learned to tell objects apart survive
    compression. Few images suffice to learn from statistics. Not in the paper.

    Args:
        scales, hidden, statistics_dropout: of `ResidualStatisticsNet`; the last two also of `FeatureStatisticsNet`.
        width, depths, wavelet, dwt_weight, residual, pool, halve, native_prob: of `DualFrequencyNet`.
        weights: file of the frozen features' weights, see `FeatureStatisticsNet.load_trunk`; None leaves them random,
            for a checkpoint that is loaded later.

    Raises:
        CheckpointError: the weights cannot be used.
    """

    # Inferencers mirror images smaller than the first, and cut large ones into windows of the second.
    least_size, large_size = 64, 512
    statistics_branches = ("residuals", "features")  # of the second map and the third

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
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.network = DualFrequencyNet(3, width, depths, wavelet, dwt_weight, residual, pool, halve, native_prob)
        self.residuals = ResidualStatisticsNet(scales, hidden, statistics_dropout)
        self.features = FeatureStatisticsNet(hidden, statistics_dropout)
        self.num_features = (self.network.num_features, hidden, hidden)
        if weights is not None:
            self.features.load_trunk(weights)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """ImageNet-normalized images `[B, 3, H, W]`, sides multiples of 4 -> a map of each branch, `[B, C, h, w]`."""
        residuals, features = (branch(x)[:, :, None, None] for branch in (self.residuals, self.features))
        return self.network(x)[-1], residuals, features
