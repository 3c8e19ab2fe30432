"""Reconstructed sliding-window attention, channel against channel inside a window (DFFreq, arXiv 2501.15253)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowChannelAttention(nn.Module):
    """RSWA: attention between the channels of each non-overlapping window, gated by a projection of the values.

    With q, k, v of a window flattened to `[C, window_size ** 2]`:
    `out = (softmax(temperature * q @ k.T) @ v) * GELU(Linear(v))`, then a 1x1 convolution.

    Args:
        channels: C, channels of the input.
        window_size: side of the square window.
    """

    def __init__(self, channels: int = 3, window_size: int = 4) -> None:
        super().__init__()
        self.window_size = window_size
        self.temperature = nn.Parameter(torch.full((1, 1, 1), channels**-0.5))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.qkv_dwconv = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.gate = nn.Linear(window_size**2, window_size**2)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, C, H, W]`; sides that the window does not divide are padded by reflection inside."""
        h, w = x.shape[-2:]
        # The 1x1 and the depthwise convolution have nothing between them: their product is one dense 3x3 convolution.
        weight = self.qkv.weight * self.qkv_dwconv.weight
        # With so few channels, CPU convolutions are several times faster on the channels-last layout.
        qkv = F.conv2d(x.contiguous(memory_format=torch.channels_last), weight, padding=1)
        qkv = _partition(_reflect_to_multiple(qkv, self.window_size), self.window_size)
        q, k, v = qkv.chunk(3, dim=1)
        out = channel_attention(q, k, v, self.temperature.reshape(())) * F.gelu(self.gate(v))
        return _merge(self._project(out), self.window_size)[..., :h, :w]

    def _project(self, windows: Tensor) -> Tensor:
        """The final 1x1 convolution as one matrix product, which is faster on so few channels, backward above all."""
        assert self.proj.bias is not None
        out = torch.matmul(self.proj.weight.flatten(1), windows.flatten(2)) + self.proj.bias.unsqueeze(-1)
        return out.reshape(windows.shape)


def channel_attention(q: Tensor, k: Tensor, v: Tensor, temperature: Tensor) -> Tensor:
    """Attention over dimension 1, scored over the last: all tensors `[B, C, rows, columns, positions]`.

    C is 3 here, so broadcast products beat a batched matrix product of many 3x3 matrices.
    """
    attn = torch.stack([(q * k[:, j : j + 1]).sum(-1) for j in range(k.shape[1])], dim=-1)
    attn = (attn * temperature).softmax(-1).unsqueeze(-1)
    out = attn[..., 0, :] * v[:, 0:1]
    for j in range(1, k.shape[1]):
        out = out + attn[..., j, :] * v[:, j : j + 1]
    return out


def _reflect_to_multiple(x: Tensor, size: int) -> Tensor:
    bottom, right = -x.shape[-2] % size, -x.shape[-1] % size
    return F.pad(x, (0, right, 0, bottom), mode="reflect") if bottom or right else x


def _partition(x: Tensor, size: int) -> Tensor:
    """`[B, C, H, W]` -> windows `[B, C, H / size, W / size, size ** 2]`."""
    b, c, h, w = x.shape
    x = x.reshape(b, c, h // size, size, w // size, size).transpose(3, 4)
    return x.reshape(b, c, h // size, w // size, size * size)


def _merge(windows: Tensor, size: int) -> Tensor:
    """Inverse of `_partition`."""
    b, c, rows, columns, _ = windows.shape
    x = windows.reshape(b, c, rows, columns, size, size).transpose(3, 4)
    return x.reshape(b, c, rows * size, columns * size)
