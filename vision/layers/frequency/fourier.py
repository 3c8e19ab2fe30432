"""Filtering the phase of an image's spectrum while its magnitude stays (DFFreq, arXiv 2501.15253)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def filter_phase(x: Tensor, phase_filter: Callable[[Tensor], Tensor], *, as_matmul: bool | None = None) -> Tensor:
    """`irfft2(|F| * exp(i * phase_filter(angle F)))` with `F = rfft2(x)`.

    Args:
        x: real image `[B, C, H, W]`; computed in float32 at least.
        phase_filter: maps the phase in radians, `[B, C, H, W // 2 + 1]`, to the new phase of the same shape.
        as_matmul: compute the transforms with fixed DFT matrices and real numbers alone, for exporters without FFT and
            complex numbers (ONNX). Same result to rounding; O(N^1.5) for N pixels. None: when exporting.

    Returns:
        Real image `[B, C, H, W]`.
    """
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()
    if as_matmul is None:
        as_matmul = torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
    if as_matmul:
        return _filter_phase_real(x, phase_filter)
    spectrum = torch.fft.rfft2(x)
    phase = phase_filter(spectrum.angle())
    return torch.fft.irfft2(torch.polar(spectrum.abs(), phase), s=x.shape[-2:])


def _filter_phase_real(x: Tensor, phase_filter: Callable[[Tensor], Tensor]) -> Tensor:
    real, imag = _rfft2_real(x)
    magnitude = (real.square() + imag.square()).sqrt()
    phase = phase_filter(_angle(real, imag))
    return _irfft2_real(magnitude * phase.cos(), magnitude * phase.sin(), x.shape[-1])


def _rfft2_real(x: Tensor) -> tuple[Tensor, Tensor]:
    h, w = x.shape[-2:]
    cos_w, sin_w = _dft(w, x)
    cos_h, sin_h = _dft(h, x)
    half = w // 2 + 1
    real, imag = x @ cos_w[:, :half], x @ sin_w[:, :half]
    return cos_h @ real - sin_h @ imag, cos_h @ imag + sin_h @ real


def _irfft2_real(real: Tensor, imag: Tensor, width: int) -> Tensor:
    h, half = real.shape[-2:]
    cos_h, sin_h = _dft(h, real)
    cos_w, sin_w = _dft(width, real)
    # Inverse along H conjugates the matrix. Along W, each column but the first (and the middle of an even width)
    # also stands for its mirror image.
    column_real, column_imag = cos_h @ real + sin_h @ imag, cos_h @ imag - sin_h @ real
    twice = torch.full((half, 1), 2.0, dtype=real.dtype, device=real.device)
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    return (column_real @ (twice * cos_w[:half]) + column_imag @ (twice * sin_w[:half])) / (h * width)


def _dft(n: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of the DFT matrix `exp(-2 pi i j k / n)`, `[n, n]`.

    Multiples of a quarter turn are exact, so that self-conjugate frequencies get an imaginary part of exactly zero,
    as from an FFT: the sign of a rounding error there would turn the phase by two pi.
    """
    index = torch.arange(n, device=like.device)
    turn = torch.outer(index, index) % n
    angle = turn.to(torch.float64) * (-2 * math.pi / n)
    quarter = (4 * turn) % n == 0
    cos, sin = angle.cos(), angle.sin()
    cos, sin = torch.where(quarter, cos.round(), cos), torch.where(quarter, sin.round(), sin)
    return cos.to(like.dtype), sin.to(like.dtype)


def _angle(real: Tensor, imag: Tensor) -> Tensor:
    """atan2 from operators that ONNX has, zero where both are zero."""
    zero = real == 0
    base = torch.atan(imag / torch.where(zero, torch.ones_like(real), real))
    pi = torch.full_like(real, math.pi)
    half_turn = torch.where(imag >= 0, pi, -pi)
    off_axis = torch.where(real < 0, base + half_turn, base)
    return torch.where(zero, half_turn / 2 * (imag != 0), off_axis)
