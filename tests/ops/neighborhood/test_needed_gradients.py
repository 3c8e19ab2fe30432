"""A backward pass computes the gradients that are asked for, and no others."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from vision.ops import na2d
from vision.ops.common import kernels

pytestmark = pytest.mark.skipif(kernels.missing() is not None, reason="the operator has no kernels here")

SIZES = ((1, 6, 7, 4, 8), (1, 6, 7, 2, 8), (1, 6, 7, 2, 5), (4, 5, 5), (1, 3, 2, 8), (1, 3, 2, 5))


@pytest.fixture
def leaves() -> list[Tensor]:
    """Query, key, value, bias, additional keys and values."""
    torch.manual_seed(0)
    return [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in SIZES]


def attend(leaves: list[Tensor], backend: str = "native") -> Tensor:
    query, key, value, bias, more_keys, more_values = leaves
    return na2d(
        query, key, value, 3, bias=bias, additional_keys=more_keys, additional_values=more_values, backend=backend
    )


def test_any_of_them_are_the_same_alone(leaves: list[Tensor]) -> None:
    out = attend(leaves)
    upstream = torch.randn_like(out)
    every = torch.autograd.grad(out, leaves, upstream, retain_graph=True)
    for count in range(1, 6):
        for chosen in itertools.combinations(range(6), count):
            found = torch.autograd.grad(out, [leaves[i] for i in chosen], upstream, retain_graph=True)
            torch.testing.assert_close(found, tuple(every[i] for i in chosen), rtol=1e-12, atol=1e-12)


def test_others_are_not_computed(leaves: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    operator = torch.ops.nbv.neighborhood_attention_backward.default

    def record(*arguments: object) -> object:
        asked.append(arguments[-1])
        return operator(*arguments)

    monkeypatch.setattr("vision.ops.neighborhood.native._BACKWARD", record)
    out = attend(leaves)
    torch.autograd.grad(out.sum(), leaves[2], retain_graph=True)
    torch.autograd.grad(out.sum(), [leaves[0], leaves[4]], retain_graph=True)
    out.sum().backward()
    leaves[1].requires_grad_(False)
    attend(leaves).sum().backward()
    # Query is bit 0. Additional tokens, and bias, in the order of the operator's arguments.
    assert asked == [0b000100, 0b010001, 0b111111, 0b111101]
    assert all(leaf.grad is not None for leaf in leaves[2:])


def test_empty_tensors_stand_for_the_others(leaves: list[Tensor]) -> None:
    detached = [leaf.detach() for leaf in leaves]
    numbers = ([3, 3], [1, 1], [1, 1], [0, 0], 0.3, False)
    out, lse = torch.ops.nbv.neighborhood_attention.default(*detached, *numbers)
    arguments = (torch.ones_like(out), torch.zeros_like(lse), *detached, out, lse, *numbers, 0b001010)
    operator = torch.ops.nbv.neighborhood_attention_backward.default
    shapes = [tuple(grad.shape) for grad in operator(*arguments)]
    assert shapes == [(0,), SIZES[1], (0,), SIZES[3], (0,), (0,)]
    torch.library.opcheck(operator, arguments)


def test_second_derivatives_of_one(leaves: list[Tensor]) -> None:
    results = []
    for backend in ("native", "reference"):
        (first,) = torch.autograd.grad(attend(leaves, backend).square().sum(), leaves[2], create_graph=True)
        results.append(torch.autograd.grad(first.square().sum(), [leaves[i] for i in (0, 1, 2, 3, 4, 5)]))
    torch.testing.assert_close(*results)
