"""Dual-frequency block: a wavelet branch and a Fourier-phase branch over the image (DFFreq, arXiv 2501.15253)."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import torch
from torch import Tensor, nn

from vision.layers.frequency.fourier import filter_phase
from vision.layers.frequency.rswa import WindowChannelAttention
from vision.layers.frequency.wavelet import dwt2d, idwt2d, wavelet_taps

# Without gradients a batch is worked off in parts whose intermediates the allocator can reuse: half the time on CPU.
PIXELS_AT_ONCE = 2 * 256 * 256


class DualFrequencyBlock(nn.Module):
    """`dwt_weight * wavelet branch + (1 - dwt_weight) * Fourier branch`, each through its own windowed attention.

    Args:
        channels: channels of the image.
        wavelet: orthogonal PyWavelets wavelet of the wavelet branch.
        dwt_weight: share of the wavelet branch in the sum (0.6 in the paper).
    """

    def __init__(self, channels: int = 3, wavelet: str = "haar", dwt_weight: float = 0.6) -> None:
        super().__init__()
        self.wavelet = wavelet
        self.dwt_weight = dwt_weight
        self.norm = ChannelNorm(channels)
        self.dwt_attn = WindowChannelAttention(channels, window_size=4)
        self.fft_attn = WindowChannelAttention(channels, window_size=8)
        self.fft_scale = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, C, H, W]`; H and W are multiples of 4 and at least 16."""
        h, w = x.shape[-2:]
        if h % 4 or w % 4 or min(h, w) < 16:
            raise ValueError(
                f"the dual-frequency block needs sides that are multiples of 4 and at least 16, got {h}x{w}"
            )
        if torch.is_grad_enabled() or _is_traced():
            return self._fuse(x)
        if not x.shape[0]:
            return x  # FFT libraries refuse an empty batch
        images = max(1, PIXELS_AT_ONCE // (h * w))
        return torch.cat([self._fuse(part) for part in x.split(images)])

    def _fuse(self, x: Tensor) -> Tensor:
        wavelet = self.dwt_weight * self.wavelet_branch(x)
        if self._fourier_is_off():
            return wavelet
        return torch.add(wavelet, self.fourier_branch(x), alpha=1 - self.dwt_weight)

    def wavelet_branch(self, x: Tensor) -> Tensor:
        """Attention among four subbands x one 2x2 neighborhood, in the wavelet domain."""
        tokens = wavelet_tokens(x, self.wavelet)
        tokens = tokens + self.dwt_attn(self.norm(tokens))
        return image_from_tokens(tokens, x.shape[-2], x.shape[-1], self.wavelet)

    def fourier_branch(self, x: Tensor) -> Tensor:
        """The image with its phase filtered, times the learnable scale."""
        return filter_phase(x, self.fft_attn) * self.fft_scale

    def _fourier_is_off(self) -> bool:
        # Outside training a scale of zero makes the branch exactly zero; in training its gradient is still needed.
        if self.training or torch.is_grad_enabled() or _is_traced():
            return False
        return bool((self.fft_scale == 0).all())


def _is_traced() -> bool:
    return torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()


class ChannelNorm(nn.Module):
    """Layer norm over dimension 1 of `[B, C, H, W]`."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean(1, keepdim=True)
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + self.eps)
        return torch.addcmul(self.bias.view(-1, 1, 1), x * scale, self.weight.view(-1, 1, 1))


def wavelet_tokens(x: Tensor, wavelet: str) -> Tensor:
    """Image `[B, C, H, W]` -> its subbands as tokens `[B, C, 4, H * W / 4]`, see `flatten_neighborhoods`."""
    if not is_local(wavelet):
        return flatten_neighborhoods(dwt2d(x, wavelet))
    b, c, h, w = x.shape
    blocks = x.reshape(b, c, h // 4, 4, w // 4, 4).transpose(3, 4).reshape(b, c, h * w // 16, 16)
    tokens = (blocks @ wavelet_block_matrix(wavelet).to(x)).reshape(b, c, h * w // 16, 4, 4)
    return tokens.transpose(2, 3).reshape(b, c, 4, h * w // 4)


def image_from_tokens(tokens: Tensor, h: int, w: int, wavelet: str) -> Tensor:
    """Inverse of `wavelet_tokens`."""
    if not is_local(wavelet):
        return idwt2d(unflatten_neighborhoods(tokens, h // 2, w // 2), wavelet)
    b, c = tokens.shape[:2]
    tokens = tokens.reshape(b, c, 4, h * w // 16, 4).transpose(2, 3).reshape(b, c, h * w // 16, 16)
    blocks = (tokens @ wavelet_block_matrix(wavelet).to(tokens).T).reshape(b, c, h // 4, w // 4, 4, 4)
    return blocks.transpose(3, 4).reshape(b, c, h, w)


def is_local(wavelet: str) -> bool:
    """Whether filters never leave a 2x2 neighborhood, so that transform and layout are one product on 4x4 blocks."""
    return len(wavelet_taps(wavelet)[0]) == 2


def wavelet_block_matrix(wavelet: str) -> Tensor:
    """`[16, 16]`: pixels of a 4x4 block -> its (subband, position) tokens, orthogonal."""
    return torch.tensor(_block_values(wavelet), dtype=torch.float64).reshape(16, 16)


@lru_cache
def _block_values(wavelet: str) -> tuple[float, ...]:
    """The matrix as numbers, row by row: a pixel has a share in the tokens of its own 2x2 neighborhood alone."""
    low, high = wavelet_taps(wavelet)
    subbands = ((low, low), (high, low), (low, high), (high, high))
    return tuple(
        rows[y % 2] * columns[x % 2] if (y // 2, x // 2) == (i, j) else 0.0
        for y, x in product(range(4), repeat=2)
        for rows, columns in subbands
        for i, j in product(range(2), repeat=2)
    )


def flatten_neighborhoods(subbands: Tensor) -> Tensor:
    """`[B, C, 4, h, w]` -> `[B, C, 4, h * w]`, ordered by (row pair, column pair, position in the 2x2)."""
    b, c, bands, h, w = subbands.shape
    x = subbands.reshape(b, c, bands, h // 2, 2, w // 2, 2).transpose(4, 5)
    return x.reshape(b, c, bands, h * w)


def unflatten_neighborhoods(tokens: Tensor, h: int, w: int) -> Tensor:
    """Inverse of `flatten_neighborhoods`: `[B, C, 4, h * w]` -> `[B, C, 4, h, w]`."""
    b, c, bands, _ = tokens.shape
    x = tokens.reshape(b, c, bands, h // 2, w // 2, 2, 2).transpose(4, 5)
    return x.reshape(b, c, bands, h, w)
