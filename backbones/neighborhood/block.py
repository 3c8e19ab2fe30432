"""One layer and one stage of a neighborhood attention transformer (NAT, arXiv 2204.07143)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vision.layers import NeighborhoodAttention2D
from vision.layers.mlp import Mlp


class NeighborhoodBlock(nn.Module):
    """Pre-norm transformer layer: `x + attention(norm(x))`, then `x + mlp(norm(x))`, each branch scaled and dropped.

    Args:
        dim: channels.
        num_heads: attention heads.
        kernel_size: tokens of the window along a side.
        dilation: step between the tokens of a window.
        mlp_ratio: hidden channels of the MLP over `dim`.
        qkv_bias: learn a bias of queries, keys and values.
        qk_scale: factor of the logits, `head_dim ** -0.5` if None.
        drop_rate: dropout of the attention's output and in the MLP.
        attn_drop_rate: dropout of the attention weights.
        drop_path: probability that a sample skips a branch in training.
        layer_scale: initial value of the branches' learned scales; None for none.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        kernel_size: int = 7,
        dilation: int = 1,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path: float = 0.0,
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = NeighborhoodAttention2D(
            dim,
            num_heads,
            kernel_size,
            dilation=dilation,
            rel_pos_bias=True,
            qkv_bias=qkv_bias,
            qk_scale=qk_scale,
            attn_drop=attn_drop_rate,
            proj_drop=drop_rate,
        )
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), drop_rate=drop_rate)
        self.gamma1 = nn.Parameter(torch.full((dim,), layer_scale)) if layer_scale is not None else None
        self.gamma2 = nn.Parameter(torch.full((dim,), layer_scale)) if layer_scale is not None else None

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, dim]` -> the same shape."""
        x = self._branch(self.attn, x, self.norm1(x), self.gamma1)
        return self._branch(self.mlp, x, self.norm2(x), self.gamma2)

    def _branch(self, branch: nn.Module, x: Tensor, normed: Tensor, gamma: Tensor | None) -> Tensor:
        if self.training and isinstance(self.drop_path, DropPath):
            out = branch(normed)
            return x + self.drop_path(out if gamma is None else gamma * out)
        # The branch adds the shortcut itself: its last linear layer can do so in the same pass, if it is packed.
        return branch(normed, shortcut=x) if gamma is None else torch.addcmul(x, branch(normed), gamma)


class Stage(nn.Module):
    """Blocks of one resolution, and the way down to the next, which the caller takes.

    Args:
        blocks: layers `[B, H, W, C]` -> the same shape.
        downsample: `[B, H, W, C]` -> `[B, H / 2, W / 2, 2 C]`; the identity in the last stage.
    """

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample
        self.grad_checkpointing = False

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, C]` -> the same shape: the blocks alone."""
        for block in self.blocks:
            if self.grad_checkpointing and self.training and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return x
