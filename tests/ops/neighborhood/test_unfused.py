"""The unfused pair against the fused operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vision import ops
from vision.ops import na1d_av, na1d_qk, na2d_av, na2d_qk, na3d_av, na3d_qk, neighborhood_mask
from vision.ops.neighborhood import bands
from vision.ops.neighborhood.bilinear import neighborhood_av, neighborhood_qk

PAIRS = {1: (na1d_qk, na1d_av), 2: (na2d_qk, na2d_av), 3: (na3d_qk, na3d_av)}


def unfused(case: Any, tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    qk, av = PAIRS[len(case.shape)]
    options = {name: tensors.get(name) for name in ("bias", "additional_keys")}
    logits = qk(tensors["query"], tensors["key"], *case.window, case.numbers["scale"], **options)
    values = {"additional_values": tensors.get("additional_values")}
    return av(logits.softmax(-1), tensors["value"], *case.window, **values), logits.logsumexp(-1)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_pair_is_the_fused_operator(data: st.DataObject, cases: Any, gradients: Callable) -> None:
    case = data.draw(cases)
    tensors = case.tensors(torch.float64)
    results, expected = unfused(case, tensors), case.run(tensors, "reference")
    torch.testing.assert_close(results, expected)
    torch.testing.assert_close(gradients(tensors, *results), gradients(tensors, *expected))


def test_second_derivatives(make_case: Callable) -> None:
    settings = {"heads_kv": 1, "group": 2, "dim": 2, "value_dim": 3, "batch": 1, "stride": (2, 1)}
    case = make_case((4, 3), kernel_size=(3, 2), is_causal=(False, True), has_bias=True, **settings)
    tensors = case.tensors(torch.float64)
    names = list(tensors)

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        return unfused(case, dict(zip(names, values, strict=True)))

    assert torch.autograd.gradcheck(run, tuple(tensors.values()), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, tuple(tensors.values()), fast_mode=True)


def test_weights_are_in_the_order_of_keys() -> None:
    q, k = torch.randn(2, 1, 5, 6, 2, 4)
    weights = na2d_qk(q, k, (3, 2), is_causal=(True, False)).softmax(-1)
    mask = neighborhood_mask((5, 6), (3, 2), is_causal=(True, False))
    logits = torch.einsum("bxyhd,buvhd->bxyhuv", q, k) * 4**-0.5
    for token in ((4, 0), (2, 5), (0, 3)):
        seen = logits[(0, *token, 1)][mask[token]].softmax(-1)
        mine = weights[(0, *token, 1)]
        torch.testing.assert_close(mine[mine > 0], seen)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision(make_case: Callable, dtype: torch.dtype) -> None:
    case = make_case()
    tensors = case.tensors(dtype)
    out, _ = unfused(case, tensors)
    assert out.dtype == dtype
    torch.testing.assert_close(out, case.run(tensors, "reference")[0], atol=3e-2, rtol=3e-2)


def test_pair_under_autocast(make_case: Callable) -> None:
    tensors = make_case(has_bias=True).tensors(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = unfused(make_case(has_bias=True), tensors)
    assert out.dtype == torch.bfloat16


def test_nan_stays_in_its_neighborhoods() -> None:
    x = torch.randn(1, 9, 1, 4)
    value = x.clone()
    value[0, 2] = torch.nan
    out = na1d_av(na1d_qk(x, x, 3, is_causal=True).softmax(-1), value, 3, is_causal=True)
    assert out[0, :, 0, 0].isnan().nonzero().flatten().tolist() == [2, 3, 4]


def test_no_product_of_all_windows_is_kept(make_case: Callable) -> None:
    case = make_case((12, 12), kernel_size=(7, 7), heads_kv=1, dim=64, value_dim=64, batch=1)
    saved: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (saved.append(t.numel()), t)[1], lambda t: t):
        unfused(case, case.tensors(torch.float32))
    assert max(saved) <= 12 * 12 * 64


def test_operators_pass_opcheck() -> None:
    query, key = torch.randn(2, 5, 6, 4, 3, requires_grad=True), torch.randn(2, 5, 6, 2, 3, requires_grad=True)
    attn = torch.randn(2, 5, 6, 4, 6, requires_grad=True)
    numbers = [3, 2], [2, 1], [1, 2], [0, 1]
    for name, args in (
        ("neighborhood_qk", (query, key, *numbers)),
        ("neighborhood_av", (attn, key, *numbers)),
        ("neighborhood_av_transposed", (attn, query, 2, *numbers)),
    ):
        torch.library.opcheck(getattr(torch.ops.nbv, name).default, args)


def test_vmap_and_compile(make_case: Callable) -> None:
    q, k = torch.randn(2, 3, 1, 6, 7, 2, 4)
    window = (3, 2, 1, False)
    together = torch.vmap(lambda q, k: na2d_av(na2d_qk(q, k, *window), k, *window))(q, k)
    alone = [na2d_av(na2d_qk(a, b, *window), b, *window) for a, b in zip(q, k, strict=True)]
    torch.testing.assert_close(together, torch.stack(alone))
    torch._dynamo.reset()
    compiled = torch.compile(lambda q, k: na2d_qk(q, k, *window), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(q[0], k[0]), na2d_qk(q[0], k[0], *window))


def test_empty_batch() -> None:
    from vision.ops.neighborhood.arguments import make_window

    window = make_window(1, 3)
    x = torch.zeros(0, 5, 2, 4)
    logits = neighborhood_qk(x, x, window)
    assert logits.shape == (0, 5, 2, 3) and neighborhood_av(logits, x, window).shape == x.shape


LARGE: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((150,), {"kernel_size": 71}),
    ((150,), {"kernel_size": 35, "dilation": 3, "stride": 4, "is_causal": True}),
    ((13, 12), {"kernel_size": (7, 6), "dilation": (1, 2), "is_causal": (True, False)}),
    ((4, 6, 9), {"kernel_size": (3, 4, 5), "stride": (1, 2, 1)}),
]


@pytest.mark.parametrize(("shape", "window"), LARGE)
def test_large_windows_go_by_products_of_matrices(
    shape: tuple[int, ...], window: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    rank, calls = len(shape), []
    for name in ("qk", "av", "av_transposed"):
        function = getattr(bands, name)
        monkeypatch.setattr(bands, name, lambda *a, f=function, n=name: calls.append(n) or f(*a))
    qk, av, fused = (getattr(ops, f"na{rank}d{end}") for end in ("_qk", "_av", ""))
    q = torch.randn(2, *shape, 4, 5, dtype=torch.float64, requires_grad=True)
    k, v = (torch.randn(2, *shape, 2, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    out = av(qk(q, k, **window).softmax(-1), v, **window)
    wanted = fused(q, k, v, **window, backend="reference")
    torch.testing.assert_close(out, wanted)
    upstream = torch.randn_like(out)
    grads = [torch.autograd.grad(result, (q, k, v), upstream) for result in (out, wanted)]
    torch.testing.assert_close(*grads)
    assert set(calls) == {"qk", "av", "av_transposed"}


def test_what_is_not_finite_stays_within_its_windows() -> None:
    attn, value = torch.ones(1, 200, 1, 41), torch.ones(1, 200, 1, 3)
    value[0, 100, 0, 1] = torch.nan
    value[0, 0, 0, 2] = torch.inf
    out = ops.na1d_av(attn, value, 41)
    assert out[0, :, 0, 1].isnan().nonzero().flatten().tolist() == list(range(80, 121))
    assert out[0, :, 0, 2].isinf().nonzero().flatten().tolist() == list(range(21))
    assert out[0, :, 0, 0].eq(41).all()
