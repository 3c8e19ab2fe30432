"""A small convolutional backbone of cross-stage partial blocks (CSPNet, arXiv 1911.11929), for detectors on CPUs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backbones.neighborhood.arguments import check_images

SLOPE = 0.1  # of leaky ReLUs


class CSPNet(nn.Module):
    """Four stages of 3x3 convolutions at strides 4, 8, 16 and 32, without normalization.

    Convolutions have a bias in place of a normalization, as those of a trained network have after folding: it computes
    the same alone and in a batch, in training and after it.

    Args:
        in_chans: channels of the image.
        widths: channels inside each stage; its map has twice as many.
        depths: pairs of convolutions in each stage.
        out_indices: stages whose maps come out.
    """

    def __init__(
        self,
        in_chans: int = 3,
        widths: Sequence[int] = (32, 64, 128, 256),
        depths: Sequence[int] = (1, 2, 2, 3),
        out_indices: Sequence[int] = (1, 2, 3),
    ) -> None:
        super().__init__()
        if len(widths) != len(depths):
            raise ValueError(f"widths has {len(widths)} stages and depths {len(depths)}; expected the same")
        if not out_indices or not set(out_indices) <= set(range(len(widths))):
            raise ValueError(f"out_indices is {tuple(out_indices)}; expected some of 0 to {len(widths) - 1}")
        self.in_chans = in_chans
        self.out_indices = tuple(out_indices)
        self.out_channels = tuple(2 * widths[index] for index in out_indices)
        self.stem = ConvAct(in_chans, widths[0], stride=2)
        before = [widths[0], *(2 * width for width in widths[:-1])]
        strides = [1, *(2 for _ in widths[1:])]
        self.stages = nn.ModuleList(map(CSPStage, before, widths, depths, strides))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images `[B, 3, H, W]`, sides multiples of 32 -> maps `[B, C, H / s, W / s]` at strides 8, 16 and 32."""
        check_images(images, self.in_chans)
        x = F.max_pool2d(self.stem(images), 3, stride=2, padding=1)
        maps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.out_indices:
                maps.append(x)
        return tuple(maps)


class CSPStage(nn.Module):
    """One convolution, pairs of half as many channels joined, one more; all joined with the first."""

    def __init__(self, in_channels: int, width: int, depth: int, stride: int) -> None:
        super().__init__()
        self.enter = ConvAct(in_channels, width, stride)
        self.pairs = nn.ModuleList(Pair(width) for _ in range(depth))
        self.leave = ConvAct(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, 2 width, H / stride, W / stride]`."""
        entered = x = self.enter(x)
        for pair in self.pairs:
            x = pair(x)
        return torch.cat((self.leave(x), entered), 1)


class Pair(nn.Sequential):
    """Two convolutions of half as many channels, their outputs joined."""

    def __init__(self, width: int) -> None:
        super().__init__(ConvAct(width, width // 2), ConvAct(width // 2, width // 2))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, width, H, W]` -> the same shape."""
        half = self[0](x)
        return torch.cat((self[1](half), half), 1)


class ConvAct(nn.Conv2d):
    """3x3 convolution and leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, 3, stride, padding=1)
        nn.init.kaiming_normal_(self.weight, a=SLOPE, mode="fan_in", nonlinearity="leaky_relu")
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, out_channels, H / stride, W / stride]`."""
        return F.leaky_relu(super().forward(x), SLOPE, inplace=not torch.is_grad_enabled())
