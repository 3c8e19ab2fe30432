"""Heads of AI-image detectors: global mean, one logit, from one map or from several."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ForgeryHead(nn.Module):
    """Global mean over the last feature map, then one linear unit: positive logits mean "made by a machine".

    Args:
        in_channels: channels of the last feature map.
        dropout: share of pooled features dropped in training.
        label_smoothing: targets become `label_smoothing / 2` and `1 - label_smoothing / 2`.
    """

    def __init__(self, in_channels: int = 512, dropout: float = 0.0, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.fc = nn.Linear(in_channels, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, the last `[B, C, H, W]` -> logits `[B]`."""
        pooled = features[-1].mean((2, 3))
        return self.fc(F.dropout(pooled, self.dropout, self.training)).squeeze(-1)

    def loss(self, features: Sequence[Tensor], labels: Tensor) -> dict[str, Tensor]:
        """Binary cross-entropy against labels `[B]`, 0 for real and 1 for generated; also the batch accuracy."""
        logits = self(features).float()
        return {"loss": cross_entropy(logits, labels, self.label_smoothing), "accuracy": accuracy(logits, labels)}


class ForgeryBranchesHead(nn.Module):
    """A head for each of several maps; the logit is a weighted mean of theirs, and each learns on its own.

    Args:
        in_channels: channels of each map.
        dropout, label_smoothing: as in `ForgeryHead`.
        weights: how much each head's logit counts; None for all alike.
    """

    weights: Tensor

    def __init__(
        self,
        in_channels: Sequence[int] = (256, 128, 128),
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        counted = [1.0] * len(in_channels) if weights is None else list(weights)
        total = sum(counted)
        if len(counted) != len(in_channels) or not all(weight >= 0 for weight in counted) or not 0 < total < math.inf:
            message = f"weights are {weights}; expected {len(in_channels)} of at least 0, not all of them 0"
            raise ValueError(message)
        # Of the arguments, not of a checkpoint.
        self.register_buffer("weights", torch.tensor([weight / total for weight in counted]), persistent=False)
        self.branches = nn.ModuleList(ForgeryHead(channels, dropout, label_smoothing) for channels in in_channels)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """One map `[B, C, H, W]` per branch -> logits `[B]`."""
        return self.mean(self.logits(features))

    def logits(self, features: Sequence[Tensor]) -> Tensor:
        """What each branch says: `[branches, B]`."""
        said = [branch([map_]) for branch, map_ in zip(self.branches, features, strict=True)]
        return torch.stack(said)

    def mean(self, logits: Tensor) -> Tensor:
        """Logits `[branches, B]` -> `[B]`."""
        return (self.weights[:, None] * logits).sum(0)

    def loss(self, features: Sequence[Tensor], labels: Tensor) -> dict[str, Tensor]:
        """Sum of the branches' cross-entropies against labels `[B]`; the accuracy is that of the mean."""
        logits = self.logits(features).float()
        losses = torch.stack([cross_entropy(each, labels, self.label_smoothing) for each in logits])
        return {"loss": losses.sum(), "accuracy": accuracy(self.mean(logits), labels)}


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """Binary cross-entropy of logits `[B]` against labels moved away from 0 and 1."""
    targets = labels.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
    return F.binary_cross_entropy_with_logits(logits, targets)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of logits `[B]` on the labels' side of 0."""
    return ((logits.detach() > 0) == (labels > 0.5)).to(logits.dtype).mean()
