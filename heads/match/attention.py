"""Attention around a pixel's own match candidates and around its match in the other view (arXiv 2510.14260)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.layers.fields import swap_views
from vision.layers.packed import linear_add
from vision.ops import match_attention


class MatchSelfAttention(nn.Module):
    """Attention of every pixel to windows of its own view, one per head, at places that it chooses.

    Args:
        dim: channels of queries, keys and values, a multiple of `num_heads`.
        num_heads: attention heads.
        window_radius: a window has (2 radius + 2)^2 pixels.
        channels: of input and output; one more comes in, the consistency.
    """

    def __init__(self, dim: int, num_heads: int, window_radius: int, channels: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_radius = window_radius
        self.q = nn.Linear(channels + 1, dim, bias=False)
        self.k = nn.Linear(channels + 1, dim, bias=False)
        self.v = nn.Linear(channels + 1, dim, bias=False)
        self.proj = nn.Linear(dim, channels, bias=False)

    def forward(self, x: Tensor, consistent: Tensor, centers: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Update of all channels, plus `shortcut`.

        Args:
            x: normalized input `[B, H, W, channels]`.
            consistent: 1 where both views agree, else 0, `[B, H, W, 1]`.
            centers: of the windows (x, y), in pixels of the map, `[B, H, W, heads, 2]`.
            shortcut: like `x`, added to the output.
        """
        # Where the other view does not see a pixel, its match is wrong, and it should ask others that know theirs.
        x = torch.cat([x, consistent.to(x.dtype)], dim=-1)
        q, k, v = (layer(x).unflatten(-1, (self.num_heads, -1)) for layer in (self.q, self.k, self.v))
        out, _ = match_attention(q, k, v, centers, self.window_radius, need_weights=False)
        return linear_add(self.proj, out.flatten(-2), shortcut)


class MatchCrossAttention(nn.Module):
    """Gated attention of every pixel to the window around its match in the other view.

    The weights themselves are projected, too: where in the window the match is moves the match.

    Args:
        dim: channels of queries, keys and values, a multiple of `num_heads`.
        num_heads: attention heads.
        window_radius: a window has (2 radius + 2)^2 pixels.
        channels: of input and output.
    """

    def __init__(self, dim: int, num_heads: int, window_radius: int, channels: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_radius = window_radius
        self.q = nn.Linear(channels, dim, bias=False)
        self.k = nn.Linear(channels, dim, bias=False)
        self.v = nn.Linear(channels, dim, bias=False)
        self.gate = nn.Linear(channels, dim, bias=False)
        self.proj = nn.Linear(dim + num_heads * (2 * window_radius + 2) ** 2, channels, bias=False)

    def forward(self, x: Tensor, centers: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Update of all channels, plus `shortcut`.

        Args:
            x: normalized input of both views `[2B, H, W, channels]`.
            centers: of the windows in the other view (x, y), in pixels of the map, `[2B, H, W, heads, 2]`.
            shortcut: like `x`, added to the output.
        """
        q, k, v = (layer(x).unflatten(-1, (self.num_heads, -1)) for layer in (self.q, self.k, self.v))
        # Halves of the batch are the two views: swapped, every pixel's keys and values are the other view's.
        out, attn = match_attention(q, swap_views(k), swap_views(v), centers, self.window_radius)
        assert attn is not None
        gated = F.silu(self.gate(x)) * out.flatten(-2)
        return linear_add(self.proj, torch.cat([gated, attn.flatten(-2)], dim=-1), shortcut)
