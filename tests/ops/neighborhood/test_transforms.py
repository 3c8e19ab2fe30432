"""torch.func's derivatives and forward-mode ones: those of the reference, never zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor
from torch.func import grad, jacfwd, jvp, vjp, vmap

from vision.ops import match_attention, na1d, na2d, na2d_av, na2d_qk

Function = Callable[[Tensor], Tensor]


def random(*sizes: int) -> Tensor:
    return torch.randn(sizes, dtype=torch.float64)


@pytest.fixture(params=["fused", "qk", "av", "pair", "match"])
def function(request: pytest.FixtureRequest) -> tuple[Function, Tensor]:
    """A function of one tensor, and where its derivative is taken."""
    torch.manual_seed(0)
    q, k, v = random(1, 6, 7, 4, 3), random(1, 6, 7, 2, 3), random(1, 6, 7, 2, 2)
    window: tuple[Any, ...] = (3, 2, 2, (True, False))
    functions: dict[str, tuple[Function, Tensor]] = {
        "fused": (lambda x: na2d(x, k, v, *window), q),
        "qk": (lambda x: na2d_qk(q, x, *window).clamp(min=-9), k),
        "av": (lambda x: na2d_av(x, v, *window), random(1, 6, 7, 4, 9)),
        "pair": (lambda x: na2d_av(na2d_qk(q, x, *window).softmax(-1), v, *window), k),
        "match": (lambda x: match_attention(x, q, q, q[..., :2] + 3, 1)[0], random(1, 6, 7, 4, 3)),
    }
    return functions[request.param]


def numeric(run: Function, x: Tensor, tangent: Tensor) -> Tensor:
    step = 1e-6
    return (run(x + step * tangent) - run(x - step * tangent)) / (2 * step)


def test_forward_mode(function: tuple[Function, Tensor]) -> None:
    run, x = function
    tangent = torch.randn_like(x)
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(run(forward_ad.make_dual(x, tangent)))
    assert dual.tangent is not None
    torch.testing.assert_close(dual.primal, run(x))
    torch.testing.assert_close(dual.tangent, numeric(run, x, tangent), atol=1e-6, rtol=1e-5)


def test_functional_derivatives(function: tuple[Function, Tensor]) -> None:
    run, x = function
    tangent = torch.randn_like(x)
    wanted = numeric(run, x, tangent)
    torch.testing.assert_close(jvp(run, (x,), (tangent,))[1], wanted, atol=1e-6, rtol=1e-5)
    upstream = torch.randn_like(wanted)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(run(leaf), leaf, upstream)
    torch.testing.assert_close(vjp(run, x)[1](upstream)[0], expected)
    torch.testing.assert_close(grad(lambda x: (run(x) * upstream).sum())(x), expected)
    two = torch.stack([x, 2 * x])
    each = vmap(grad(lambda x: (run(x) * upstream).sum()))(two)
    torch.testing.assert_close(each[0], expected)
    torch.testing.assert_close((tangent * expected).sum(), (wanted * upstream).sum())


def test_a_whole_jacobian() -> None:
    x, k = random(1, 5, 1, 2), random(1, 5, 1, 2)
    jacobian = jacfwd(lambda x: na1d(x, k, k, 3))(x)
    torch.testing.assert_close(jacobian, torch.autograd.functional.jacobian(lambda x: na1d(x, k, k, 3), x))


@pytest.mark.parametrize("transform", ["grad", "jvp"])
def test_compiled_transforms(transform: str, function: tuple[Function, Tensor]) -> None:
    run, x = function

    def derive(x: Tensor) -> Tensor:
        if transform == "grad":
            return grad(lambda x: run(x).square().sum())(x)
        return jvp(run, (x,), (torch.ones_like(x),))[1]

    torch._dynamo.reset()
    compiled = torch.compile(derive, backend="eager")
    torch.testing.assert_close(compiled(x), derive(x))


def test_a_named_backend_without_them_says_so() -> None:
    x = torch.randn(1, 7, 2, 8)
    for backend in ("native", "flex"):
        with forward_ad.dual_level(), pytest.raises(RuntimeError, match=r"no torch\.func gradients .* forward-mode"):
            na1d(x, x, x, 3, backend=backend)
    with pytest.raises(RuntimeError, match=r"no torch\.func gradients"):
        jvp(lambda x: na1d(x, x, x, 3, backend="native"), (x,), (x,))


def test_tangents_of_gradients_are_not_dropped() -> None:
    x = torch.randn(1, 4, 4, 2, 8, requires_grad=True)
    for out in (na2d(x, x, x, 3), match_attention(x, x, x, torch.ones(1, 4, 4, 2, 2), 1)[0]):
        with forward_ad.dual_level():
            upstream = forward_ad.make_dual(torch.ones_like(out), torch.ones_like(out))
            with pytest.raises(RuntimeError, match="no forward-mode derivative of its gradient"):
                torch.autograd.grad(out, x, upstream)
