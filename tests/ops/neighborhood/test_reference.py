"""The reference against dense attention with the mask of the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vision.ops import na2d, neighborhood_mask


def dense(case: Any, tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """All tokens with all tokens, masked."""
    n, shape = case.numbers, case.shape
    q = tensors["query"].flatten(1, -3).transpose(1, 2)  # [B, heads, N, dim]
    k, v = (tensors[name].flatten(1, -3).transpose(1, 2).repeat_interleave(n["group"], 1) for name in ("key", "value"))
    scale = n["dim"] ** -0.5 if n["scale"] is None else n["scale"]
    logits = q @ k.mT * scale
    tokens = logits.shape[-1]
    if n["has_bias"]:
        places = torch.cartesian_prod(*map(torch.arange, shape)).view(tokens, len(shape))
        steps = (places[None, :] - places[:, None]).div(torch.tensor(n["dilation"]), rounding_mode="floor")
        index = steps + torch.tensor(n["kernel_size"]) - 1
        widths = 2 * torch.tensor(n["kernel_size"]) - 1
        index = index.clamp(min=torch.zeros_like(widths), max=widths - 1)
        logits = logits + tensors["bias"][(slice(None), *index.unbind(-1))]
    mask = neighborhood_mask(shape, *case.window).reshape(tokens, tokens)
    logits = logits.masked_fill(~mask, -torch.inf)
    if n["additional"] is not None:
        extra_k, extra_v = (
            tensors[name].transpose(1, 2).repeat_interleave(n["group"], 1)
            for name in ("additional_keys", "additional_values")
        )
        logits, v = torch.cat([logits, q @ extra_k.mT * scale], -1), torch.cat([v, extra_v], 2)
    out = logits.softmax(-1) @ v
    return out.transpose(1, 2).unflatten(1, shape), logits.logsumexp(-1).transpose(1, 2).unflatten(1, shape)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_reference_is_masked_attention(data: st.DataObject, cases: Any, gradients: Callable) -> None:
    case = data.draw(cases)
    tensors = case.tensors(torch.float64)
    out, lse = case.run(tensors, "reference")
    expected = dense(case, tensors)
    torch.testing.assert_close(out, expected[0])
    torch.testing.assert_close(lse, expected[1])
    grads, expected_grads = gradients(tensors, out, lse), gradients(tensors, *expected)
    torch.testing.assert_close(grads, expected_grads)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_is_computed_in_float32(make_case: Callable, dtype: torch.dtype) -> None:
    case = make_case(has_bias=True, additional=2)
    tensors = case.tensors(dtype)
    out, lse = case.run(tensors, "reference")
    exact, exact_lse = case.run({name: x.float() for name, x in tensors.items()}, "reference")
    assert out.dtype == dtype and lse.dtype == torch.float32
    assert out.equal(exact.to(dtype)) and lse.equal(exact_lse)


@pytest.mark.parametrize("device", ["meta"])
def test_reference_runs_on_any_device(device: str) -> None:
    x = torch.zeros(2, 6, 7, 4, 8, device=device)
    out, lse = na2d(x, x, x, 3, is_causal=True, return_lse=True)
    assert out.shape == x.shape and lse.shape == x.shape[:-1]


def test_second_derivatives(make_case: Callable) -> None:
    case = make_case((4, 3), heads_kv=1, group=2, dim=2, value_dim=3, has_bias=True, additional=1, batch=1)
    tensors = case.tensors(torch.float64)
    names = list(tensors)

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        return case.run(dict(zip(names, values, strict=True)), "reference")

    assert torch.autograd.gradcheck(run, tuple(tensors.values()), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, tuple(tensors.values()), fast_mode=True)
