"""From pixels to tokens and from one stage to the next: the convolutions of NAT, the patches of DiNAT_s."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvTokenizer(nn.Module):
    """Two overlapping 3x3 convolutions of stride 2 with nothing between, then a norm (NAT, arXiv 2204.07143)."""

    def __init__(self, in_chans: int, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            nn.Conv2d(in_chans, embed_dim // 2, 3, stride=2, padding=1),
            nn.Conv2d(embed_dim // 2, embed_dim, 3, stride=2, padding=1),
        )
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_chans, H, W]` -> `[B, ceil(H / 4), ceil(W / 4), embed_dim]`."""
        return self.norm(_channels_last(self.proj, x))


class ConvDownsampler(nn.Module):
    """Overlapping 3x3 convolution of stride 2, or of 1, that doubles the channels, then a norm (NAT)."""

    def __init__(self, dim: int, stride: int = 2) -> None:
        super().__init__()
        self.reduction = nn.Conv2d(dim, 2 * dim, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.LayerNorm(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, C]` -> `[B, ceil(H / stride), ceil(W / stride), 2 C]`."""
        return self.norm(_channels_last(self.reduction, x.permute(0, 3, 1, 2)))


class PatchEmbed(nn.Module):
    """Separate 4x4 patches, then a norm (Swin, DiNAT_s); the image is extended with zeros to whole patches."""

    patch_size = 4

    def __init__(self, in_chans: int, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_chans, embed_dim, self.patch_size, stride=self.patch_size)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_chans, H, W]` -> `[B, ceil(H / 4), ceil(W / 4), embed_dim]`."""
        bottom, right = (_missing(side, self.patch_size) for side in x.shape[2:])
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom))
        return self.norm(_channels_last(self.proj, x))


class PatchMerging(nn.Module):
    """Join 2x2 tokens: norm over their channels, then a projection to half of them (Swin, DiNAT_s)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, C]` -> `[B, ceil(H / 2), ceil(W / 2), 2 C]`; odd sides are extended with zeros."""
        height, width = x.shape[1:3]
        bottom, right = _missing(height, 2), _missing(width, 2)
        if bottom or right:
            x = F.pad(x, (0, 0, 0, right, 0, bottom))
        # Swin's order of the four: down before right.
        corners = [x[:, row : height + row : 2, column : width + column : 2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


def _missing(side: int, multiple: int) -> int:
    """Pixels that extend a side to a multiple.

    Where a graph is traced for many sizes, it is no number, and to ask what is missing would tie the graph to sizes
    like this one. So the most that may be missing is added, of which strides leave out what is too much.
    """
    return -side % multiple if isinstance(side, int) else multiple - 1


def _channels_last(convolution: nn.Module, x: Tensor) -> Tensor:
    """Convolve in the memory order that makes the way to `[B, H, W, C]` free, and that oneDNN likes best."""
    return convolution(x.contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1)
