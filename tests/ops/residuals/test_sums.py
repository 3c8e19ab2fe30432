"""Residual sums: the kernel beside the reference, and the reference beside sums that are taken by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from vision.ops.common import kernels
from vision.ops.residuals import ResidualSums, residual_sums

needs_kernels = pytest.mark.skipif(kernels.missing() is not None, reason="the kernels are not built")


def picture(*shape: int, seed: int = 0, smooth: int = 1) -> Tensor:
    """Gray levels with residuals of all sizes: quarters and sixteenths as after halving."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (*shape[:2], shape[2] * smooth, shape[3] * smooth), generator=generator).float()
    levels = torch.nn.functional.avg_pool2d(noise, smooth)
    return (levels * 16).round() / 16


def close(found: ResidualSums, expected: ResidualSums) -> None:
    assert torch.equal(found.shares > 0, expected.shares > 0)
    torch.testing.assert_close(found.shares, expected.shares, atol=1e-6, rtol=1e-5)
    for one, other in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-4)


@needs_kernels
@pytest.mark.parametrize("shape", [(1, 3, 6, 6), (2, 3, 7, 19), (1, 3, 33, 8), (3, 3, 40, 64), (1, 3, 21, 131)])
@pytest.mark.parametrize("smooth", [1, 4, 12])
def test_the_kernel_agrees_with_the_reference(shape: tuple[int, ...], smooth: int) -> None:
    levels = picture(*shape, smooth=smooth)
    close(residual_sums(levels, backend="native"), residual_sums(levels, backend="reference"))


@needs_kernels
def test_gray_pictures_whose_residuals_are_ties_agree() -> None:
    steps = torch.arange(-40, 41) / 16
    levels = (128 + torch.cat([steps, steps.flip(0)]).cumsum(0)).expand(1, 3, 20, -1).contiguous()
    native, reference = (residual_sums(levels, backend=name) for name in ("native", "reference"))
    torch.testing.assert_close(native.shares, reference.shares)


@needs_kernels
def test_batches_strides_and_empty_batches() -> None:
    levels = picture(3, 3, 24, 36)
    whole = residual_sums(levels)
    for index, image in enumerate(levels):
        close(ResidualSums(*(part[index : index + 1] for part in whole)), residual_sums(image[None]))
    close(residual_sums(levels.contiguous(memory_format=torch.channels_last)), whole)
    close(residual_sums(levels.transpose(2, 3)), residual_sums(levels.transpose(2, 3), backend="reference"))
    assert [part.shape[0] for part in residual_sums(levels[:0])] == [0, 0, 0]


@pytest.mark.parametrize("backend", ["reference", pytest.param("native", marks=needs_kernels)])
def test_sums_by_hand(backend: str) -> None:
    levels = torch.zeros(1, 3, 6, 7)
    levels[:, 0] = torch.tensor([0.0, 1, 2, 3, 4, 5, 6])  # red rises by 1 from left to right
    levels[:, 1] = 2 * torch.arange(6.0)[:, None]  # green by 2 from top to bottom
    found = residual_sums(levels, backend=backend)
    along_x, along_y = found.means[0, 0], found.means[0, 1]
    torch.testing.assert_close(along_x[:6], torch.tensor([0.299, 1, 0, 1, 0, 0]))
    torch.testing.assert_close(along_x[6:12], torch.tensor([0.299**2, 1, 0, 1, 0, 0]))
    torch.testing.assert_close(along_y[:6], torch.tensor([2 * 0.587, 2, 2, 0, 2, 0]))
    assert along_x[12:].eq(0).all() and found.means[0, 2:].eq(0).all() and found.lags.eq(0).all()
    # Red - green along x is 1 by a step of 0.7: level 3 three times; red 1, green and blue 0 by a step of 1: 3, 2, 2.
    assert found.shares[0, 0, 1, 3 * 25 + 3 * 5 + 3] == 1 and found.shares[0, 0, 3, 3 * 25 + 2 * 5 + 2] == 1
    # Along y: red - green is -2 by 0.7, truncated to level 0; luma is 1.174, level 3.
    assert found.shares[0, 1, 1, 0] == 1 and found.shares[0, 1, 0, 3 * 25 + 3 * 5 + 3] == 1
    assert found.shares[0, :4, 5:].eq(0).all()
    torch.testing.assert_close(found.shares[0, :, :5].sum(-1), torch.ones(5, 5))


@needs_kernels
def test_the_operator_passes_opcheck() -> None:
    levels = picture(2, 3, 16, 24)
    torch.library.opcheck(torch.ops.nbv.residual_sums.default, (levels,))
    with FakeTensorMode() as mode:
        shapes = [part.shape for part in residual_sums(mode.from_tensor(levels))]
    assert shapes == [part.shape for part in residual_sums(levels)]


@needs_kernels
def test_sums_have_no_gradient_and_take_what_needs_one() -> None:
    levels = picture(1, 3, 16, 24).requires_grad_()
    assert not any(part.requires_grad for part in residual_sums(levels))
    close(residual_sums(levels), residual_sums(levels, backend="reference"))


@needs_kernels
def test_other_dtypes_take_the_reference() -> None:
    levels = picture(1, 3, 16, 24)
    found = residual_sums(levels.double())
    assert found.means.dtype == torch.float64
    torch.testing.assert_close(found.means.float(), residual_sums(levels).means, atol=1e-3, rtol=1e-4)
    with pytest.raises(RuntimeError, match="float32"):
        residual_sums(levels.double(), backend="native")


@pytest.mark.parametrize(
    "levels", [torch.zeros(3, 8, 8), torch.zeros(1, 4, 8, 8), torch.zeros(1, 3, 5, 9), torch.zeros(1, 3, 8, 8).long()]
)
def test_what_are_no_images_is_refused(levels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected floats \[B, 3, H, W\]"):
        residual_sums(levels)
