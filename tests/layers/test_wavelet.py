"""The wavelet transform against PyWavelets."""

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from vision.layers.frequency import DWT2D, IDWT2D, dwt2d, idwt2d
from vision.layers.frequency.wavelet import wavelet_filters, wavelet_taps

WAVELETS = ["haar", "db2", "db3", "db8", "sym4", "coif1"]


@settings(max_examples=40, deadline=None)
@given(
    wavelet=st.sampled_from(WAVELETS),
    h=st.integers(1, 12),
    w=st.integers(1, 12),
    channels=st.integers(1, 4),
    batch=st.integers(0, 2),
)
def test_equals_pywavelets_and_inverts(wavelet: str, h: int, w: int, channels: int, batch: int) -> None:
    x = torch.randn(batch, channels, 2 * h, 2 * w, dtype=torch.float64)
    subbands = dwt2d(x, wavelet)
    assert subbands.shape == (batch, channels, 4, h, w)
    if batch:
        low, details = pywt.dwt2(x.numpy(), wavelet, mode="periodization")
        np.testing.assert_allclose(subbands.numpy(), np.stack([low, *details], axis=2), atol=1e-11)
    torch.testing.assert_close(idwt2d(subbands, wavelet), x, atol=1e-9, rtol=0)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_gradients(wavelet: str) -> None:
    x = torch.randn(1, 2, 6, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: dwt2d(x, wavelet), x)
    assert torch.autograd.gradcheck(lambda x: idwt2d(dwt2d(x, wavelet) ** 2, wavelet), x)


def test_filters_made_in_inference_mode_still_train() -> None:
    with torch.inference_mode():
        dwt2d(torch.zeros(1, 1, 4, 4), "sym5")
    x = torch.randn(1, 1, 4, 4, requires_grad=True)
    dwt2d(x, "sym5").sum().backward()
    assert x.grad is not None


def test_modules_do_what_the_functions_do() -> None:
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(IDWT2D("db2")(DWT2D("db2")(x)), x)


def test_errors_name_the_value() -> None:
    with pytest.raises(ValueError, match="5x8"):
        dwt2d(torch.zeros(1, 1, 5, 8))
    with pytest.raises(ValueError, match="'nope'"):
        dwt2d(torch.zeros(1, 1, 4, 4), "nope")
    with pytest.raises(ValueError, match=r"'bior2\.2' is not orthogonal"):
        dwt2d(torch.zeros(1, 1, 4, 4), "bior2.2")
    with pytest.raises(ValueError, match="4 subbands"):
        idwt2d(torch.zeros(1, 1, 3, 4, 4))


def test_filters_that_were_first_asked_for_without_values_have_values_later() -> None:
    wavelet_taps.cache_clear()
    with FakeTensorMode():
        wavelet_filters("db2")
    assert type(wavelet_filters("db2")) is torch.Tensor
    with torch.inference_mode():
        wavelet_filters("db3")
    assert not wavelet_filters("db3").is_inference()
