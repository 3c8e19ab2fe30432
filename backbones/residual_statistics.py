"""What two layers learn from the statistics of an image's high-pass residuals."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vision.layers.statistics import residual_statistics, statistics_size
from vision.normalize import IMAGENET_MEAN, IMAGENET_STD


class ResidualStatisticsNet(nn.Module):
    """Statistics of high-pass residuals (`vision.layers.statistics`), standardized, then two layers.

    Args:
        scales: at how many sizes, each half of the one before, statistics are taken.
        hidden: units of each layer.
        dropout: share of hidden units dropped in training; half of it of the statistics.
    """

    def __init__(self, scales: int = 3, hidden: int = 128, dropout: float = 0.4) -> None:
        super().__init__()
        self.scales = scales
        self.num_features = hidden
        inputs = statistics_size(scales)
        self.standard = Standardization(inputs)
        self.layers = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Linear(inputs, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """ImageNet-normalized images `[B, 3, H, W]`, sides at least `8 * 2 ** (scales - 1)` -> `[B, hidden]`."""
        return self.layers(self.standard(self.statistics(x)))

    @torch.no_grad()
    def statistics(self, x: Tensor) -> Tensor:
        """What the layers learn from: `[B, N]`, float32, without gradients."""
        # Single gray levels count, which half precision no longer has near white.
        with torch.autocast(x.device.type, enabled=False):
            mean = torch.tensor(IMAGENET_MEAN, device=x.device).view(-1, 1, 1)
            std = torch.tensor(IMAGENET_STD, device=x.device).view(-1, 1, 1)
            return residual_statistics((x.float() * std + mean).round(), self.scales)


class Standardization(nn.Module):
    """Takes out mean and deviation, as training has seen them so far, and truncates to +-5.

    Unlike batch normalization it does so in training, too: the rarest of thousands of statistics say nothing within
    one batch.

    Args:
        size: values per image.
        momentum: share of a batch in the mean, once there were `1 / momentum` batches.
    """

    mean: Tensor
    variance: Tensor
    seen: Tensor

    def __init__(self, size: int, momentum: float = 0.01) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, size]` -> `[B, size]`."""
        if self.training:
            self._follow(x)
        return ((x - self.mean) / (self.variance.sqrt() + 1e-3)).clamp(-5, 5)

    @torch.no_grad()
    def _follow(self, x: Tensor) -> None:
        self.seen += 1
        share = max(self.momentum, 1 / float(self.seen))
        before = x - self.mean
        self.mean.lerp_(x.mean(0), share)
        # Rounding may leave less than nothing of values that are all the same.
        self.variance.lerp_((before * (x - self.mean)).mean(0).clamp_min(0), share)
