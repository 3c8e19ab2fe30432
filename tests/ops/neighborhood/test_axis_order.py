"""Windows that are tall or deep, along whose longest axis the kernels lay their vectors."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vision.ops import na2d, na3d
from vision.ops.common import kernels

pytestmark = pytest.mark.skipif(kernels.missing() is not None, reason="the operator has no kernels here")


def gradients(attention: Callable[..., Tensor], leaves: list[Tensor], **settings: object) -> list[Tensor]:
    """Output, LSE, and gradients of all leaves: query, key, value, bias, additional keys and values."""
    query, key, value, bias, more_keys, more_values = leaves
    out, lse = attention(
        query,
        key,
        value,
        bias=bias,
        additional_keys=more_keys,
        additional_values=more_values,
        return_lse=True,
        **settings,
    )
    return [out, lse, *torch.autograd.grad(out.square().sum() + lse.square().sum(), leaves)]


def make_leaves(shape: tuple[int, ...], kernel_size: tuple[int, ...]) -> list[Tensor]:
    torch.manual_seed(0)
    table = [2 * size - 1 for size in kernel_size]
    sizes = [(2, *shape, 2, 5), (2, *shape, 1, 5), (2, *shape, 1, 9), (2, *table), (2, 3, 1, 5), (2, 3, 1, 9)]
    return [torch.randn(size, dtype=torch.float64).requires_grad_() for size in sizes]


@pytest.mark.parametrize("kernel_size", list(itertools.permutations((9, 2, 1))))
@pytest.mark.parametrize("irregular", [False, True])
def test_every_order_of_3d_windows_computes_the_same(kernel_size: tuple[int, int, int], irregular: bool) -> None:
    shape = tuple(2 * size + 2 for size in kernel_size)
    settings: dict[str, object] = {"kernel_size": kernel_size}
    if irregular:
        settings |= {
            "dilation": tuple(2 if size == 9 else 1 for size in kernel_size),
            "stride": tuple(min(2, size) for size in kernel_size),
            "is_causal": tuple(size == 2 for size in kernel_size),
        }
    leaves = make_leaves(shape, kernel_size)
    found = gradients(na3d, leaves, backend="native", **settings)
    torch.testing.assert_close(found, gradients(na3d, leaves, backend="reference", **settings))


def test_a_tall_window_is_the_transpose_of_a_wide_one() -> None:
    leaves = make_leaves((12, 20), (3, 17))
    turned = [leaf if leaf.shape[1] == 3 else leaf.transpose(1, 2) for leaf in leaves]  # but for 3 additional tokens
    turned[3] = leaves[3].transpose(1, 2)
    wide = gradients(na2d, leaves, kernel_size=(3, 17), backend="native")
    tall = gradients(na2d, [leaf.detach().requires_grad_() for leaf in turned], kernel_size=(17, 3), backend="native")
    for found, expected in zip(tall[:6], wide[:6], strict=True):
        torch.testing.assert_close(found.transpose(1, 2), expected)
    torch.testing.assert_close(tall[6:], wide[6:])
