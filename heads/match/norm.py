"""The norm of the match decoder."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class MatchNorm(nn.LayerNorm):
    """Layer norm without bias, in the precision of what comes in; what goes out has that of the weights.

    In half precision the stream of features and coordinates stays in float32: pixels beyond 512 have no halves there.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, eps=1e-5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., dim]` -> the same shape."""
        out = F.layer_norm(x, self.normalized_shape, self.weight.to(x.dtype), None, self.eps)
        return out.to(self.weight.dtype)
