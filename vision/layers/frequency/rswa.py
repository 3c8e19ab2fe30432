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
        qkv = _reflect_to_multiple(qkv, self.window_size)
        q, k, v = _partition(qkv, self.window_size).chunk(3, dim=1)
        gate = F.gelu(_matrix_product(self.gate.weight, v.flatten(0, 1), self.gate.bias)).reshape(v.shape)
        out = channel_attention(q, k, v, self.temperature) * gate
        # The final 1x1 convolution: on so few channels a matrix product is faster, backward above all.
        out = _matrix_product(self.proj.weight.flatten(1), out.flatten(2), self.proj.bias)
        return _merge(out, self.window_size, *qkv.shape[-2:])[..., :h, :w]


def channel_attention(q: Tensor, k: Tensor, v: Tensor, temperature: Tensor) -> Tensor:
    """Attention over dimension 1, scored over dimension 2: all tensors `[B, C, positions, windows]`.

    C is 3 here, so broadcast products beat a batched matrix product of many 3x3 matrices.
    """
    channels = range(k.shape[1])
    scores = torch.stack([(q * k[:, j : j + 1]).sum(2) for j in channels])  # [key channel, B, C, windows]
    attn = (scores * temperature).softmax(0).unsqueeze(3)
    out = attn[0] * v[:, 0:1]
    for j in channels[1:]:
        out = out + attn[j] * v[:, j : j + 1]
    return out


def _matrix_product(weight: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
    """`weight @ x + bias` over a batch: `[M, K]`, `[B, K, N]`, `[M]` -> `[B, M, N]`; `matmul` would transpose x."""
    out = torch.bmm(weight.expand(x.shape[0], -1, -1), x)
    return out if bias is None else out + bias.unsqueeze(-1)


def _reflect_to_multiple(x: Tensor, size: int) -> Tensor:
    # Joining the few mirrored rows and columns: `F.pad` is slow on the channels-last layout.
    for dim in (-2, -1):
        missing, length = -x.shape[dim] % size, x.shape[dim]
        if missing:
            x = torch.cat([x, x.narrow(dim, length - 1 - missing, missing).flip(dim)], dim)
    return x


def _partition(x: Tensor, size: int) -> Tensor:
    """`[B, C, H, W]` -> `[B, C, size ** 2, windows]`: with the windows innermost, every later step is a long row."""
    b, c, h, w = x.shape
    x = x.reshape(b, c, h // size, size, w // size, size).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(b, c, size * size, (h // size) * (w // size))


def _merge(windows: Tensor, size: int, h: int, w: int) -> Tensor:
    """Inverse of `_partition`."""
    b, c = windows.shape[:2]
    x = windows.reshape(b, c, size, size, h // size, w // size).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(b, c, h, w)
