"""The MLP of transformers (arXiv 1706.03762), with GELU."""

from __future__ import annotations

from torch import Tensor, nn

from vision.layers.packed import linear_add, linear_gelu


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them.

    Args:
        dim: channels of input and output.
        hidden_dim: channels between.
        bias: learn a bias of either layer.
        drop_rate: dropout after either layer.
    """

    def __init__(self, dim: int, hidden_dim: int, bias: bool = True, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim, bias)
        self.fc2 = nn.Linear(hidden_dim, dim, bias)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """`[..., dim]` -> the same shape; `shortcut`, of that shape too, is added to the output."""
        x = self.drop(linear_gelu(self.fc1, x))
        if self.training and self.drop.p > 0:
            x = self.drop(self.fc2(x))
            return x if shortcut is None else shortcut + x
        return linear_add(self.fc2, x, shortcut)
