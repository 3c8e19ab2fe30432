"""The dual-frequency block against a slow reference that follows the paper's formulas window by window."""

import math

import numpy as np
import pytest
import pywt
import torch
from torch import Tensor
from torch.nn import functional as F

from vision.layers.frequency import DualFrequencyBlock, WindowChannelAttention, filter_phase


def reference_attention(module: WindowChannelAttention, x: Tensor) -> Tensor:
    channels, h, w = x.shape[1:]
    size = module.window_size
    qkv = F.conv2d(F.conv2d(x, module.qkv.weight), module.qkv_dwconv.weight, padding=1, groups=3 * channels)
    qkv = F.pad(qkv, (0, -w % size, 0, -h % size), mode="reflect")
    out = torch.zeros_like(qkv[:, :channels])
    for image in range(x.shape[0]):
        for i in range(0, qkv.shape[2], size):
            for j in range(0, qkv.shape[3], size):
                q, k, v = qkv[image, :, i : i + size, j : j + size].reshape(3, channels, -1)
                attn = torch.softmax(q @ k.T * module.temperature.reshape(()), dim=-1)
                window = (attn @ v) * F.gelu(F.linear(v, module.gate.weight, module.gate.bias))
                out[image, :, i : i + size, j : j + size] = window.reshape(channels, size, size)
    return module.proj(out[..., :h, :w])


def reference_block(block: DualFrequencyBlock, x: Tensor) -> Tensor:
    low, details = pywt.dwt2(x.numpy(), "haar")
    subbands = torch.from_numpy(np.stack([low, *details], axis=2))
    b, c, _, h, w = subbands.shape
    tokens = torch.zeros(b, c, 4, h * w, dtype=x.dtype)
    places = [(2 * i + di, 2 * j + dj) for i in range(h // 2) for j in range(w // 2) for di in (0, 1) for dj in (0, 1)]
    for column, (row, col) in enumerate(places):
        tokens[..., column] = subbands[..., row, col]
    normed = F.layer_norm(tokens.permute(0, 2, 3, 1), (c,), block.norm.weight, block.norm.bias, 1e-5)
    tokens = tokens + reference_attention(block.dwt_attn, normed.permute(0, 3, 1, 2))
    for column, (row, col) in enumerate(places):
        subbands[..., row, col] = tokens[..., column].detach()
    low, *details = (subbands[:, :, band].numpy() for band in range(4))
    wavelet = torch.from_numpy(pywt.idwt2((low, tuple(details)), "haar"))

    spectrum = torch.fft.rfft2(x)
    phase = reference_attention(block.fft_attn, spectrum.angle())
    fourier = torch.fft.irfft2(spectrum.abs() * torch.exp(1j * phase), s=x.shape[-2:]) * block.fft_scale
    return 0.6 * wavelet + 0.4 * fourier


def random_block() -> DualFrequencyBlock:
    torch.manual_seed(0)
    block = DualFrequencyBlock().double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        block.fft_scale.fill_(0.7)
    return block


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (1, 3, 20, 36)])
def test_equals_the_reference(shape: tuple[int, ...]) -> None:
    block = random_block()
    x = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(block(x), reference_block(block, x), atol=1e-10, rtol=0)


def test_wavelets_longer_than_haar_go_the_general_way() -> None:
    block = random_block()
    with torch.no_grad():
        block.dwt_attn.proj.weight.zero_()
        block.dwt_attn.proj.bias.zero_()
        block.fft_scale.zero_()
        x = torch.randn(1, 3, 16, 24, dtype=torch.float64)
        for wavelet in ("haar", "db2", "sym4"):
            block.wavelet = wavelet
            torch.testing.assert_close(block(x), 0.6 * x, atol=1e-9, rtol=0)  # without attention it is the identity


def test_gradients() -> None:
    block = random_block()
    x = torch.randn(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x, fast_mode=True)
    block(x).sum().backward()
    assert all(parameter.grad is not None for parameter in block.parameters())


def test_fresh_block_trains_its_fourier_scale() -> None:
    block = DualFrequencyBlock()
    block(torch.randn(1, 3, 16, 16)).square().sum().backward()
    assert block.fft_scale.grad is not None and block.fft_scale.grad.item() != 0


def test_skipped_fourier_branch_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    block = DualFrequencyBlock().eval()
    x = torch.randn(1, 3, 16, 16)
    whole = block(x).detach()  # with gradients enabled the branch runs
    monkeypatch.setattr(block, "fourier_branch", lambda x: pytest.fail("the branch ran at scale zero"))
    with torch.no_grad():
        torch.testing.assert_close(block(x), whole)


def test_parts_of_a_batch_are_judged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    block = random_block().eval()
    x = torch.randn(5, 3, 16, 16, dtype=torch.float64)
    whole = block(x).detach()
    monkeypatch.setattr("vision.layers.frequency.dual.PIXELS_AT_ONCE", 2 * 16 * 16)
    with torch.no_grad():
        torch.testing.assert_close(block(x), whole)
        assert block(x[:0]).shape == (0, 3, 16, 16)


def test_an_image_larger_than_what_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    block = random_block().eval()
    x = torch.randn(2, 3, 16, 20, dtype=torch.float64)
    whole = block(x).detach()
    monkeypatch.setattr("vision.layers.frequency.dual.PIXELS_AT_ONCE", 16 * 20 - 1)
    with torch.no_grad():
        torch.testing.assert_close(block(x), whole)


@pytest.mark.parametrize("size", [(16, 16), (18, 25), (15, 32), (1, 1), (2, 9)])
def test_matrix_form_of_the_phase_filter_equals_the_fft(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    for phase_filter in (lambda phase: phase, lambda phase: 0.5 * phase.sin() + 0.1):
        expected = filter_phase(x, phase_filter, as_matmul=False)
        torch.testing.assert_close(filter_phase(x, phase_filter, as_matmul=True), expected, atol=1e-8, rtol=0)


def test_phase_filter_keeps_the_magnitude() -> None:
    x = torch.randn(1, 1, 16, 16, dtype=torch.float64)
    y = filter_phase(x, lambda phase: -phase)
    torch.testing.assert_close(torch.fft.rfft2(y).abs(), torch.fft.rfft2(x).abs(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_constant_images_stay_finite_in_both_forms(value: float) -> None:
    x = torch.full((1, 3, 16, 16), value)
    for as_matmul in (False, True):
        torch.testing.assert_close(filter_phase(x, lambda phase: phase, as_matmul=as_matmul), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(18, 16), (16, 18), (12, 16), (8, 8)])
def test_bad_sides_are_named(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]}"):
        DualFrequencyBlock()(torch.zeros(1, 3, *size))


def test_temperature_starts_at_the_inverse_root_of_the_channels() -> None:
    assert WindowChannelAttention(3).temperature.item() == pytest.approx(1 / math.sqrt(3))
