"""From one stage of the match decoder to the next, at twice the size (MatchAttention, arXiv 2510.14260)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UpConv(nn.Module):
    """Enlarges coarse features twice and joins them with the encoder's of that size.

    Args:
        in_dim: channels of the coarse features.
        dim: channels of the encoder's features and of the output.
    """

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_dim, dim, 2, stride=2)
        self.join = nn.Linear(2 * dim, dim)
        self.conv = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """`[B, H, W, in_dim]` and `[B, 2H, 2W, dim]` -> `[B, 2H, 2W, dim]`."""
        up = self.up(x.to(skip.dtype).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = F.relu(self.join(torch.cat([skip, up], dim=-1)), inplace=True)
        return self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class MaskHead(nn.Module):
    """Logits of the convex combinations that enlarge a field, from features.

    Args:
        dim: channels of the features.
        hidden_dim: channels between.
        factor: how many times the field will be enlarged.
    """

    def __init__(self, dim: int, hidden_dim: int, factor: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, hidden_dim, 3, padding=1)
        self.proj = nn.Linear(hidden_dim, 9 * factor * factor)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, dim]` -> `[B, H, W, 9 * factor * factor]`."""
        x = F.relu(self.conv(x.to(self.conv.weight.dtype).permute(0, 3, 1, 2)), inplace=True)
        return self.proj(x.permute(0, 2, 3, 1))
