"""Residual attention of features to a memory: the generalized enhancement operation of MAMBA (arXiv 2401.09923)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EnhancementLayer(nn.Module):
    """x + fc(concat over heads of softmax(q k^T / sqrt(C / heads)) v), without any embedding of positions.

    Args:
        embed_dim: channels C of features and memory, a multiple of `num_heads`.
        num_heads: attention heads.
    """

    def __init__(self, embed_dim: int, num_heads: int = 16) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads:
            raise ValueError(
                f"embed_dim must be a positive multiple of num_heads, got embed_dim={embed_dim}, num_heads={num_heads}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        # Named as in the authors' checkpoints: query, key, output and value.
        self.fc_embed = nn.Linear(embed_dim, embed_dim)
        self.ref_fc_embed = nn.Linear(embed_dim, embed_dim)
        self.fc = nn.Linear(embed_dim, embed_dim)
        self.ref_fc = nn.Linear(embed_dim, embed_dim)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """Features `[..., N, C]` enhanced by a memory `[M, C]` that all share, or `[..., M, C]`, one for each.

        A memory of no rows, of whatever width, gives `x` back. In training it is then a new tensor, of which every
        parameter has a gradient of zero: distributed training waits for the gradients of all of them.
        """
        if memory.shape[-2] == 0:
            return self._untouched(x)
        if x.shape[-1] != self.embed_dim or memory.shape[-1] != self.embed_dim:
            found = f"{tuple(x.shape)} and {tuple(memory.shape)}"
            raise ValueError(f"features and memory must have {self.embed_dim} channels, got {found}")
        if memory.dim() != 2 and memory.shape[:-2] != x.shape[:-2]:
            raise ValueError(
                f"memory must be [M, C] or have the leading sizes of the features {tuple(x.shape)}, "
                f"got {tuple(memory.shape)}"
            )
        memory = memory.to(x.dtype)  # it may be of a stream that began in another precision
        # With one memory for all, all rows are queries of one batch: its keys and values are made once.
        batch, rows = (1, x.shape[:-1].numel()) if memory.dim() == 2 else (x.shape[:-2].numel(), x.shape[-2])
        q = self._split(self.fc_embed(x).reshape(batch, rows, self.embed_dim))
        memory = memory.reshape(batch, *memory.shape[-2:])
        k, v = (self._split(layer(memory)) for layer in (self.ref_fc_embed, self.ref_fc))
        out = F.scaled_dot_product_attention(q, k, v)  # scaled by 1 / sqrt(C / heads)
        return x + self.fc(out.transpose(1, 2).reshape(x.shape))

    def _untouched(self, x: Tensor) -> Tensor:
        learned = [p for p in self.parameters() if p.requires_grad]
        if not (self.training and learned and torch.is_grad_enabled()):
            return x
        return x + torch.stack([p.sum() for p in learned]).sum().to(x.dtype) * 0

    def _split(self, x: Tensor) -> Tensor:
        """`[B, N, C]` -> `[B, heads, N, C / heads]`."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
