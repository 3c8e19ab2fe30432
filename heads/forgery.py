"""Head of the AI-image detector: global mean, one logit."""

from __future__ import annotations

from collections.abc import Sequence

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
        targets = labels.to(logits.dtype)
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        accuracy = ((logits.detach() > 0) == (targets > 0.5)).to(logits.dtype).mean()
        return {"loss": F.binary_cross_entropy_with_logits(logits, smooth), "accuracy": accuracy}
