"""EfficientNet-Lite0, for inference: batch normalization is part of its convolutions.

M. Tan, Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv 1905.11946; the Lite
variants, without squeeze-and-excitation and with ReLU6, are of TensorFlow's TPU models.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.layers.packed import conv2d_relu6

# Of each stage: blocks, kernel, stride, by what a block widens its input, channels that come out.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
STEM = 32
_EPSILON = 1e-3  # of its batch normalization


class EfficientNetLite(nn.Module):
    """The first stages of EfficientNet-Lite0.

    Args:
        stages: how many, 1 to 6; the classifier's stage is left out.
    """

    def __init__(self, stages: int = len(STAGES)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, 2)
        self.stages = nn.ModuleList()
        before = STEM
        for blocks, kernel, stride, widening, channels in STAGES[:stages]:
            layers = [InvertedResidual(before, channels, kernel, stride, widening)]
            layers += [InvertedResidual(channels, channels, kernel, 1, widening) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(*layers))
            before = channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images `[B, 3, H, W]`, gray levels less 127 over 128 -> the map of each stage, at 1/2 to 1/32 of the size."""
        x = conv2d_relu6(self.stem, pad_same(x, 3, 2))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class InvertedResidual(nn.Module):
    """Widen, convolve each channel alone, narrow; added to the input where the shapes are the same."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int, widening: int) -> None:
        super().__init__()
        hidden = widening * in_channels
        self.expand = nn.Conv2d(in_channels, hidden, 1) if widening > 1 else None
        self.kernel, self.stride = kernel, stride
        self.depthwise = nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2 if stride == 1 else 0, groups=hidden)
        self.project = nn.Conv2d(hidden, channels, 1)
        self.is_residual = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, channels, H / stride, W / stride]`, rounded up."""
        hidden = x if self.expand is None else conv2d_relu6(self.expand, x)
        if self.stride > 1:
            hidden = pad_same(hidden, self.kernel, self.stride)
        out = self.project(conv2d_relu6(self.depthwise, hidden))
        return x + out if self.is_residual else out


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zeros around `[B, C, H, W]` as TensorFlow's "SAME" has them: an odd one goes below or right."""
    rows, columns = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:])
    return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def convert_efficientnet_lite(state: Mapping[str, Tensor], stages: int = len(STAGES)) -> dict[str, Tensor]:
    """The values of `EfficientNetLite` from those of the original model in the names of efficientnet_lite_pytorch.

    Args:
        state: with convolutions and batch normalization apart, "_conv_stem.weight", "_blocks.0._bn1.bias", ...
        stages: how many.

    Raises:
        KeyError: a value is missing.
    """
    found = _folded(state, "_conv_stem", "_bn0", "stem")
    number = 0
    for stage, (blocks, _, _, widening, _) in enumerate(STAGES[:stages]):
        for block in range(blocks):
            old, new = f"_blocks.{number}.", f"stages.{stage}.{block}."
            if widening > 1:
                found |= _folded(state, f"{old}_expand_conv", f"{old}_bn0", f"{new}expand")
            found |= _folded(state, f"{old}_depthwise_conv", f"{old}_bn1", f"{new}depthwise")
            found |= _folded(state, f"{old}_project_conv", f"{old}_bn2", f"{new}project")
            number += 1
    return found


def _folded(state: Mapping[str, Tensor], convolution: str, norm: str, name: str) -> dict[str, Tensor]:
    scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + _EPSILON)
    weight = state[f"{convolution}.weight"] * scale[:, None, None, None]
    return {f"{name}.weight": weight, f"{name}.bias": state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale}
