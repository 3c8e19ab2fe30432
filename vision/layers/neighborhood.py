"""Neighborhood attention as a module (NAT, arXiv 2204.07143; DiNAT, arXiv 2209.15001; GNA, arXiv 2504.16922)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.layers.packed import linear_add
from vision.ops import na1d, na1d_av, na1d_qk, na2d, na2d_av, na2d_qk, na3d, na3d_av, na3d_qk
from vision.ops.neighborhood.arguments import make_window

_FUSED: dict[int, Callable[..., Any]] = {1: na1d, 2: na2d, 3: na3d}
_UNFUSED: dict[int, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    1: (na1d_qk, na1d_av),
    2: (na2d_qk, na2d_av),
    3: (na3d_qk, na3d_av),
}


class _NeighborhoodAttention(nn.Module):
    """Multi-head attention of every token of a grid to its nearest tokens."""

    rank: ClassVar[int]

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        dilation: int | Sequence[int] = 1,
        is_causal: bool | Sequence[bool] = False,
        rel_pos_bias: bool = False,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
        pad_small_inputs: bool = True,
    ) -> None:
        """Make the layer.

        Args:
            embed_dim: channels of input and output, a multiple of `num_heads`.
            num_heads: attention heads.
            kernel_size: tokens of the window, one number or one per axis.
            stride: queries that share a window, 1 to `kernel_size`; 1 slides, `kernel_size` makes blocks.
            dilation: step between the tokens of a window.
            is_causal: whether a token attends to none after it, one flag or one per axis.
            rel_pos_bias: learn a bias for every distance between query and key, as NAT and DiNAT do.
            qkv_bias: learn a bias of queries, keys and values.
            qk_scale: factor of the logits, `head_dim ** -0.5` if None.
            attn_drop: dropout of the attention weights; in training it costs the memory of these weights.
            proj_drop: dropout of the output.
            pad_small_inputs: take inputs smaller than `kernel_size * dilation` too, padded with zeros on the right.

        Parameters are named as in the official NAT and DiNAT checkpoints: `qkv`, `rpb`, `proj`.

        Raises:
            TypeError: `kernel_size`, `stride` or `dilation` is no integer, or `is_causal` no flag.
            ValueError: a value is out of its range, or there are not as many as axes.
        """
        super().__init__()
        if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim must be a positive multiple of num_heads = {num_heads}, got {embed_dim}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        window = make_window(self.rank, kernel_size, stride, dilation, is_causal)
        self.kernel_size, self.stride, self.dilation, self.is_causal = window
        self.scale = self.head_dim**-0.5 if qk_scale is None else float(qk_scale)
        self.pad_small_inputs = pad_small_inputs

        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=qkv_bias)
        offsets = [2 * k - 1 for k in self.kernel_size]
        self.rpb = nn.Parameter(torch.zeros(num_heads, *offsets)) if rel_pos_bias else None
        self.attn_drop = nn.Dropout(attn_drop)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.proj_drop = nn.Dropout(proj_drop)
        self.reset_bias()

    def reset_bias(self) -> None:
        """Draw `rpb` anew, from a truncated normal distribution of deviation 0.02."""
        if self.rpb is not None:
            nn.init.trunc_normal_(self.rpb, std=0.02)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm's optimizer factory leaves without weight decay."""
        return {"rpb"} if self.rpb is not None else set()

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """`[B, *spatial, embed_dim]` -> the same shape; `shortcut`, of that shape too, is added to the output.

        Raises:
            ValueError: wrong number of dimensions or channels; without `pad_small_inputs`, an axis shorter than
                `kernel_size * dilation`.
        """
        if x.dim() != self.rank + 2 or x.shape[-1] != self.embed_dim:
            axes = ", ".join(["B", *("N", "HW", "DHW")[self.rank - 1], str(self.embed_dim)])
            raise ValueError(f"{type(self).__name__} takes [{axes}], got {tuple(x.shape)}")
        spatial = x.shape[1:-1]
        if self.pad_small_inputs:
            x = self._pad(x)
        # The operators take strides: q, k and v stay views of one tensor.
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        out = self._attend(*qkv.unbind(-3)).flatten(-2)
        for axis, length in enumerate(spatial, start=1):
            out = out.narrow(axis, 0, length)
        if self.training and self.proj_drop.p > 0:
            out = self.proj_drop(self.proj(out))
            return out if shortcut is None else shortcut + out
        return linear_add(self.proj, out, shortcut)

    def attention_weights(self, x: Tensor) -> Tensor:
        """`[B, *spatial, embed_dim]` -> the weights `[B, *spatial, heads, prod(kernel_size)]` behind `forward(x)`.

        Slots of a window are in the order of their keys, the last axis fastest; each query's weights sum to 1. What
        `pad_small_inputs` adds takes part, as in `forward`: these axes are `kernel_size * dilation` long.

        Raises:
            ValueError: an axis is shorter than `kernel_size * dilation` without `pad_small_inputs`.
        """
        x = self._pad(x) if self.pad_small_inputs else x
        query, key, _ = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim)).unbind(-3)
        window = (self.kernel_size, self.stride, self.dilation, self.is_causal)
        return _UNFUSED[self.rank][0](query, key, *window, self.scale, bias=self.rpb).softmax(-1)

    def extra_repr(self) -> str:
        """What `repr` shows beside the submodules."""
        parts = [f"{self.embed_dim}, num_heads={self.num_heads}, kernel_size={self.kernel_size}"]
        parts += [f"stride={self.stride}"] if max(self.stride) > 1 else []
        parts += [f"dilation={self.dilation}"] if max(self.dilation) > 1 else []
        parts += [f"is_causal={self.is_causal}"] if any(self.is_causal) else []
        parts += ["rel_pos_bias=True"] if self.rpb is not None else []
        parts += ["pad_small_inputs=False"] if not self.pad_small_inputs else []
        return ", ".join(parts)

    def _pad(self, x: Tensor) -> Tensor:
        """Zeros on the right of every axis that is too short for its window.

        As in NAT they come before `qkv`: padded keys and values are its bias and take part in the softmax.
        """
        windows = [k * d for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        missing = [max(window - length, 0) for window, length in zip(windows, x.shape[1:-1], strict=True)]
        if not any(missing):
            return x
        return F.pad(x, [0, 0] + [side for right in reversed(missing) for side in (0, right)])

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Three `[B, *spatial, heads, head_dim]` -> the same shape."""
        window = (self.kernel_size, self.stride, self.dilation, self.is_causal)
        if not (self.training and self.attn_drop.p > 0):
            return _FUSED[self.rank](q, k, v, *window, self.scale, bias=self.rpb)
        # The fused operator never holds the weights, so it cannot drop any.
        qk, av = _UNFUSED[self.rank]
        weights = qk(q, k, *window, self.scale, bias=self.rpb).softmax(-1)
        return av(self.attn_drop(weights), v, *window)


class NeighborhoodAttention1D(_NeighborhoodAttention):
    """Neighborhood attention over sequences `[B, N, embed_dim]`."""

    rank = 1


class NeighborhoodAttention2D(_NeighborhoodAttention):
    """Neighborhood attention over feature maps `[B, H, W, embed_dim]`."""

    rank = 2


class NeighborhoodAttention3D(_NeighborhoodAttention):
    """Neighborhood attention over volumes and clips `[B, D, H, W, embed_dim]`."""

    rank = 3
