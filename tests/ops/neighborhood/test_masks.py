"""Biases that mask: large negative numbers and -inf, for some keys of a window and for all of them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vision.ops import merge_attentions, na2d
from vision.ops.common import kernels

ROOT = Path(__file__).parents[3]
BACKENDS = [
    pytest.param(
        "native", marks=pytest.mark.skipif(kernels.missing() is not None, reason="the operator has no kernels here")
    ),
    "reference",
]
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def make_inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 6, 7, 2, 8).to(dtype).requires_grad_() for _ in range(3))
    return q, k, v


def window_means(values: Tensor) -> Tensor:
    """Of a window of 3 x 3 that moves at the edges."""
    height, width = values.shape[1:3]
    rows = []
    for y in range(height):
        top = min(max(y - 1, 0), height - 3)
        lefts = [min(max(x - 1, 0), width - 3) for x in range(width)]
        rows.append(torch.stack([values[:, top : top + 3, left : left + 3].mean((1, 2)) for left in lefts], dim=1))
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_lowest_number_over_a_whole_window_gives_the_mean(dtype: torch.dtype, backend: str) -> None:
    q, k, v = make_inputs(dtype)
    lowest = torch.finfo(dtype).min
    bias = torch.full((2, 5, 5), lowest, dtype=dtype)
    out, lse = na2d(q, k, v, 3, bias=bias, scale=0.0, return_lse=True, backend=backend)
    tolerance = 2e-2 if dtype in (torch.bfloat16, torch.float16) else 1e-5
    torch.testing.assert_close(out, window_means(v.double()).to(dtype), atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(lse, torch.full_like(lse, float(lowest)), rtol=torch.finfo(dtype).eps, atol=0)
    upstream = torch.randn(out.shape).to(dtype)
    (grad,) = torch.autograd.grad(out, v, upstream)
    leaf = v.detach().double().requires_grad_()
    (expected,) = torch.autograd.grad(window_means(leaf), leaf, upstream.double())
    torch.testing.assert_close(grad, expected.to(dtype), atol=4 * tolerance, rtol=tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", [-1e4, -1e9, -1e30, 1e9])
def test_gradients_under_a_large_mask_are_those_of_the_same_softmax(number: float, backend: str) -> None:
    q, k, v = make_inputs()
    bias = torch.full((2, 5, 5), number, requires_grad=True)
    upstream = torch.randn(q.shape)
    grads = torch.autograd.grad(na2d(q, k, v, 3, bias=bias, scale=0.0, backend=backend), (v, bias), upstream)
    plain = torch.zeros(2, 5, 5, requires_grad=True)
    expected = torch.autograd.grad(na2d(q, k, v, 3, bias=plain, scale=0.0, backend="reference"), (v, plain), upstream)
    torch.testing.assert_close(grads, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_window_of_minus_infinities_has_no_output_and_no_gradient(dtype: torch.dtype, backend: str) -> None:
    q, k, v = make_inputs(dtype)
    bias = torch.zeros(2, 5, 5, dtype=dtype)
    bias[1] = -math.inf
    bias.requires_grad_()
    out, lse = na2d(q, k, v, 3, bias=bias, return_lse=True, backend=backend)
    assert out[..., 1, :].eq(0).all() and lse[..., 1].eq(-math.inf).all()
    assert out[..., 0, :].isfinite().all() and lse[..., 0].isfinite().all()
    grads = torch.autograd.grad(out.sum(), (q, k, v, bias))
    for grad in grads[:3]:
        assert grad[..., 0, :].isfinite().all() and grad[..., 1, :].eq(0).all()
    assert grads[3][0].isfinite().all() and grads[3][1].eq(0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_masked_keys_change_nothing(backend: str) -> None:
    """Only the query itself is left: its value is the output, its logit the LSE."""
    q, k, v = make_inputs()
    for number in (-math.inf, torch.finfo(torch.float32).min):
        bias = torch.full((2, 5, 5), number)
        bias[:, 2, 2] = 0
        out, lse = na2d(q, k, v, 3, bias=bias, return_lse=True, backend=backend)
        torch.testing.assert_close(out, v)
        torch.testing.assert_close(lse, (q * k).sum(-1) * 8**-0.5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_additional_tokens_beside_a_masked_window(backend: str) -> None:
    q, k, v = make_inputs()
    bias = torch.full((2, 5, 5), -math.inf)
    more = torch.randn(2, 1, 2, 8)
    out = na2d(q, k, v, 3, bias=bias, additional_keys=more, additional_values=more, backend=backend)
    torch.testing.assert_close(out, more[:, :, None].expand_as(out))


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_is_not_taken_for_a_mask(backend: str) -> None:
    q, k, v = make_inputs()
    bias = torch.full((2, 5, 5), -math.inf)
    bias[:, 2, 2] = math.nan
    out, lse = na2d(q, k, v, 3, bias=bias, return_lse=True, backend=backend)
    assert out.isnan().all() and lse.isnan().all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_masked_part_adds_nothing_to_a_union(backend: str) -> None:
    q, k, v = make_inputs()
    masked = na2d(q, k, v, 3, bias=torch.full((2, 5, 5), -math.inf), return_lse=True, backend=backend)
    other = na2d(q, k, v, 5, return_lse=True, backend=backend)
    out, lse = merge_attentions([masked[0], other[0]], [masked[1], other[1]])
    torch.testing.assert_close((out, lse), tuple(other))


@pytest.mark.skipif(kernels.missing() is not None, reason="the operator has no kernels here")
@pytest.mark.parametrize("name", ["portable", "avx2", "avx512"])
def test_every_instruction_set_masks_alike(name: str) -> None:
    code = (
        "import torch; from vision.ops import na1d\n"
        "x = torch.randn(1, 40, 2, 8, requires_grad=True)\n"
        "for k in (3, 21):\n"
        "    for low in (torch.finfo(torch.float32).min, -torch.inf):\n"
        "        bias = torch.full((2, 2 * k - 1), low)\n"
        "        got = [na1d(x, x, x, k, bias=bias, backend=b) for b in ('native', 'reference')]\n"
        "        grads = [torch.autograd.grad(out.square().sum(), x)[0] for out in got]\n"
        "        torch.testing.assert_close(*got, atol=1e-5, rtol=1e-5)\n"
        "        torch.testing.assert_close(*grads, atol=1e-5, rtol=1e-5)\n"
    )
    environment = {**os.environ, "NBV_ISA": name, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
