"""Layers that learn from statistics which never learn: those of an image are taken once, however long they train."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn


class StatisticsNet(nn.Module):
    """Statistics of images, standardized, then two layers.

    Args:
        inputs: statistics of an image.
        hidden: units of each layer.
        dropout: share of hidden units dropped in training; half of it of the statistics.
    """

    def __init__(self, inputs: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.num_features = hidden
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
        """ImageNet-normalized images `[B, 3, H, W]` -> `[B, hidden]`."""
        return self.layers(self.standard(self.statistics(x)))

    @abstractmethod
    def statistics(self, x: Tensor) -> Tensor:
        """What the layers learn from: `[B, inputs]`, float32, without gradients."""


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
