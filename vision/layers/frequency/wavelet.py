"""Two-dimensional orthogonal wavelet transform, one level, periodic borders (Mallat, 1989)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def dwt2d(x: Tensor, wavelet: str = "haar") -> Tensor:
    """Decompose an image into its four half-size subbands.

    Equals `pywt.dwt2(x, wavelet, mode="periodization")`, for any orthogonal wavelet of PyWavelets.

    Args:
        x: image `[B, C, H, W]`, H and W even.
        wavelet: name of an orthogonal PyWavelets wavelet ("haar", "db2", "sym4", ...).

    Returns:
        `[B, C, 4, H/2, W/2]`, the subbands in PyWavelets' order cA, cH, cV, cD (LL, LH, HL, HH).

    Raises:
        ValueError: odd H or W, or a wavelet that is unknown or not orthogonal.
    """
    b, c, h, w = x.shape
    if h % 2 or w % 2:
        raise ValueError(f"dwt2d needs an even height and width, got {h}x{w}; pad the image by one row or column")
    filters = _filters_like(wavelet, x)
    length = filters.shape[-1]
    x = x.reshape(b * c, 1, h, w)
    if length > 2:
        x = _wrap(x, length // 2 - 1, length // 2 - 1)
    return F.conv2d(x, filters, stride=2).reshape(b, c, 4, h // 2, w // 2)


def idwt2d(subbands: Tensor, wavelet: str = "haar") -> Tensor:
    """Rebuild the image from `dwt2d`'s subbands, `[B, C, 4, h, w]` -> `[B, C, 2h, 2w]`.

    The transform is orthogonal, so the inverse is its transpose.
    """
    b, c, bands, h, w = subbands.shape
    if bands != 4:
        raise ValueError(f"idwt2d needs 4 subbands in dimension 2, got {bands}")
    filters = _filters_like(wavelet, subbands)
    length = filters.shape[-1]
    x = F.conv_transpose2d(subbands.reshape(b * c, 4, h, w), filters, stride=2)
    if length > 2:
        x = _unwrap(x, length // 2 - 1, 2 * h, 2 * w)
    return x.reshape(b, c, 2 * h, 2 * w)


class DWT2D(nn.Module):
    """Module form of `dwt2d`."""

    def __init__(self, wavelet: str = "haar") -> None:
        super().__init__()
        self.wavelet = wavelet

    def forward(self, x: Tensor) -> Tensor:
        return dwt2d(x, self.wavelet)


class IDWT2D(nn.Module):
    """Module form of `idwt2d`."""

    def __init__(self, wavelet: str = "haar") -> None:
        super().__init__()
        self.wavelet = wavelet

    def forward(self, subbands: Tensor) -> Tensor:
        return idwt2d(subbands, self.wavelet)


def wavelet_filters(wavelet: str) -> Tensor:
    """Analysis filters `[4, 1, L, L]` (float64) of an orthogonal wavelet, as a cross-correlation applies them.

    Raises:
        ValueError: the wavelet is unknown or not orthogonal.
    """
    low, high = (torch.tensor(taps, dtype=torch.float64) for taps in wavelet_taps(wavelet))
    pairs = ((low, low), (high, low), (low, high), (high, high))
    return torch.stack([torch.outer(rows, columns) for rows, columns in pairs]).unsqueeze(1)


# Numbers, not tensors: a tensor made under inference mode or a fake mode must not outlive that mode in a cache.
@lru_cache
def wavelet_taps(wavelet: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Low-pass and high-pass filter of an orthogonal wavelet, each of length L; errors as `wavelet_filters`."""
    import pywt

    if wavelet not in pywt.wavelist(kind="discrete"):
        raise ValueError(f"unknown wavelet {wavelet!r}; see pywt.wavelist(kind='discrete') for the names")
    bank = pywt.Wavelet(wavelet)
    if not bank.orthogonal:
        raise ValueError(f"wavelet {wavelet!r} is not orthogonal; choose one of the haar, db, sym or coif families")
    return tuple(bank.dec_lo[::-1]), tuple(bank.dec_hi[::-1])


def _filters_like(wavelet: str, x: Tensor) -> Tensor:
    return wavelet_filters(wavelet).to(device=x.device, dtype=x.dtype)


def _wrap(x: Tensor, before: int, after: int) -> Tensor:
    """Periodic padding that, unlike `F.pad(mode="circular")`, may exceed the size of the image."""
    h, w = x.shape[-2:]
    rows = torch.arange(-before, h + after, device=x.device) % h
    columns = torch.arange(-before, w + after, device=x.device) % w
    return x[..., rows, :][..., columns]


def _unwrap(x: Tensor, before: int, h: int, w: int) -> Tensor:
    """Transpose of `_wrap`: add what lies outside the period back into it."""
    rows = torch.arange(-before, x.shape[-2] - before, device=x.device) % h
    columns = torch.arange(-before, x.shape[-1] - before, device=x.device) % w
    x = x.new_zeros(*x.shape[:-2], h, x.shape[-1]).index_add(-2, rows, x)
    return x.new_zeros(*x.shape[:-1], w).index_add(-1, columns, x)
