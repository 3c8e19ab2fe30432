"""Mixed precision, and images that lie in memory in another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

ALL = (0, 1, 2, 3)


def _outputs(model: Any, x: Tensor) -> tuple[Tensor, ...]:
    out = model(x)
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("out_indices", [None, ALL])
def test_autocast_is_close_to_float32_in_inference(out_indices: Any, family: str, small: Callable[..., Any]) -> None:
    model = small(family, out_indices=out_indices, layer_scale=1e-5)
    x = torch.randn(2, 3, 61, 80)
    with torch.inference_mode():
        exact = _outputs(model, x)
        with torch.autocast("cpu", torch.bfloat16):
            rough = _outputs(model, x)
    for a, b in zip(rough, exact, strict=True):
        # A classifier ends in a linear layer, a map in a norm, which autocast computes in float32.
        assert a.dtype == (torch.bfloat16 if out_indices is None else torch.float32), a.dtype
        assert (a.float() - b).norm() < 0.03 * b.norm()


def test_autocast_gives_float32_gradients_close_to_the_exact_ones(family: str, small: Callable[..., Any]) -> None:
    model = small(family, layer_scale=1e-5, drop_path_rate=0.0).train()
    x = torch.randn(2, 3, 61, 80)
    gradients = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = model(x)
            loss = torch.nn.functional.cross_entropy(out.float(), torch.tensor([1, 3]))
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    assert all(g.dtype == torch.float32 and torch.isfinite(g).all() for g in gradients[1])
    exact, rough = (torch.cat([g.flatten() for g in group]) for group in gradients)
    assert (rough - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_model_of_another_dtype_keeps_it(dtype: torch.dtype, family: str, small: Callable[..., Any]) -> None:
    model = small(family, out_indices=ALL)
    x = torch.randn(1, 3, 40, 52)
    exact = model(x)
    for a, b in zip(model.to(dtype)(x.to(dtype)), exact, strict=True):
        assert a.dtype == dtype
        assert (a.float() - b).norm() < 0.04 * b.norm()


@pytest.mark.parametrize("out_indices", [None, ALL])
def test_the_order_of_pixels_in_memory_does_not_matter(
    out_indices: Any, family: str, small: Callable[..., Any]
) -> None:
    model = small(family, out_indices=out_indices)
    x = torch.randn(2, 3, 45, 64)
    plain = _outputs(model, x)
    wide = torch.zeros(2, 3, 45, 128)
    wide[..., ::2] = x
    others = [
        x.contiguous(memory_format=torch.channels_last),
        x.transpose(2, 3).contiguous().transpose(2, 3),
        wide[..., ::2],
    ]
    for other in others:
        assert other.stride() != x.stride()
        torch.testing.assert_close(_outputs(model, other), plain)
    torch.testing.assert_close(_outputs(model.to(memory_format=torch.channels_last), others[0]), plain)
    one = x[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(_outputs(model, one), _outputs(model, one.contiguous()))
