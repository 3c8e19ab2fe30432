"""Match attention: the formula, the kernels against the reference, and what torch.library promises of an operator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vision.ops import match_attention
from vision.ops.common import kernels
from vision.ops.match import reference as match_reference

needs_extension = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))


def draw(
    size: tuple[int, int] = (7, 9),
    heads: int = 2,
    dim: int = 8,
    batch: int = 2,
    dtype: torch.dtype = torch.float64,
    amplitude: float = 1.0,
    seed: int = 0,
) -> list[Tensor]:
    """query, key, value and centers, a few of which lie outside."""
    generator = torch.Generator().manual_seed(seed)
    h, w = size
    qkv = [torch.randn(batch, h, w, heads, dim, generator=generator, dtype=torch.float64) for _ in range(3)]
    centers = torch.rand(batch, h, w, heads, 2, generator=generator, dtype=torch.float64)
    offset = centers * torch.tensor([w + 3.0, h + 3.0]) - 2
    offset_dtype = torch.float64 if dtype == torch.float64 else torch.float32
    return [*[(amplitude * t).to(dtype).requires_grad_() for t in qkv], offset.to(offset_dtype).requires_grad_()]


def results(tensors: Sequence[Tensor], radius: int | tuple[int, int], backend: str) -> list[Tensor]:
    """Output, weights and all gradients."""
    out, attn = match_attention(*tensors, radius, backend=backend)
    generator = torch.Generator().manual_seed(1)
    upstream = [torch.randn(t.shape, generator=generator, dtype=torch.float64).to(t.dtype) for t in (out, attn)]
    return [out, attn, *torch.autograd.grad([out, attn], tensors, upstream)]


def by_hand(tensors: Sequence[Tensor], radius: int, scale: float) -> tuple[Tensor, Tensor]:
    """The formula, query by query and sub-window by sub-window."""
    q, k, v, offset = (t.detach() for t in tensors)
    b, h, w, heads, _ = q.shape
    side = 2 * radius + 2
    out, attn = torch.zeros_like(q), torch.zeros(b, h, w, heads, side, side, dtype=q.dtype)
    for i in torch.cartesian_prod(*map(torch.arange, (b, h, w, heads))).tolist():
        n, head, at = i[0], i[3], tuple(i)
        x = min(max(offset[at][0].item(), radius), w - 1 - radius - 1e-3)
        y = min(max(offset[at][1].item(), radius), h - 1 - radius - 1e-3)
        x0, y0 = math.floor(x), math.floor(y)
        for ey, ex in ((0, 0), (0, 1), (1, 0), (1, 1)):
            share = (y - y0 if ey else 1 - y + y0) * (x - x0 if ex else 1 - x + x0)
            rows = slice(y0 - radius + ey, y0 + radius + ey + 1)
            columns = slice(x0 - radius + ex, x0 + radius + ex + 1)
            distance = (k[n, rows, columns, head] - q[at]).abs().sum(-1)
            weights = share * torch.softmax(-scale * distance.flatten(), 0).view_as(distance)
            out[at] += (weights[..., None] * v[n, rows, columns, head]).sum((0, 1))
            attn[at][ey : ey + side - 1, ex : ex + side - 1] += weights
    return out, attn.flatten(-2)


@pytest.mark.parametrize("backend", ["reference", pytest.param("native", marks=needs_extension)])
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_is_the_formula(backend: str, radius: int) -> None:
    tensors = draw((6, 7), batch=1, dim=5)
    out, attn = match_attention(*tensors, radius, 0.7, backend=backend)
    expected = by_hand(tensors, radius, 0.7)
    torch.testing.assert_close((out, attn), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(attn.sum(-1), torch.ones_like(attn[..., 0]), atol=1e-12, rtol=0)


@needs_extension
@settings(max_examples=60, deadline=None)
@given(
    radius=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    margin=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    heads=st.integers(1, 3),
    dim=st.integers(1, 40),
    batch=st.integers(0, 2),
    amplitude=st.sampled_from([0.0, 0.1, 1.0, 30.0]),
    double=st.booleans(),
    seed=st.integers(0, 10),
)
def test_native_is_the_reference(
    radius: tuple[int, int],
    margin: tuple[int, int],
    heads: int,
    dim: int,
    batch: int,
    amplitude: float,
    double: bool,
    seed: int,
) -> None:
    size = (2 * radius[1] + 2 + margin[1], 2 * radius[0] + 2 + margin[0])
    tensors = draw(size, heads, dim, batch, torch.float64 if double else torch.float32, amplitude, seed)
    found, expected = (results(tensors, radius, backend) for backend in ("native", "reference"))
    for name, ours, theirs in zip(("out", "attn", "dq", "dk", "dv", "doffset"), found, expected, strict=True):
        assert ours.is_contiguous() and ours.dtype == theirs.dtype
        # Large distances leave fewer digits in their differences.
        tolerance = (1e-11 if double else 2e-5) * max(1.0, amplitude) * max(1.0, theirs.abs().sum().item() ** 0.5)
        torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


@needs_extension
def test_sub_windows_far_apart_in_likelihood_keep_their_digits() -> None:
    query, key, value, offset = draw((6, 8), batch=1, heads=1, dim=8)
    with torch.no_grad():
        key += 1e4
        key[:, 2, 3] = query[:, 2, 3]  # one match, which half of the sub-windows do not hold
        offset[:] = torch.tensor([2.5, 2.5])
    found, expected = (
        results([t.float().detach().requires_grad_() for t in (query, key, value, offset)], 1, backend)
        for backend in ("native", "reference")
    )
    assert all(t.isfinite().all() for t in found)
    torch.testing.assert_close(found[1], expected[1], atol=1e-2, rtol=0)


@needs_extension
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_rounds_no_center(dtype: torch.dtype) -> None:
    tensors = draw((5, 1100), heads=1, batch=1, dtype=dtype)
    for backend in ("native", "reference"):
        out, attn = match_attention(*tensors, 1, backend=backend)
        exact, weights = match_attention(*[t.double() for t in tensors], 1, backend="reference")
        assert out.dtype == attn.dtype == dtype
        torch.testing.assert_close(attn.double(), weights, atol=2e-2, rtol=0)
        torch.testing.assert_close(out.double(), exact, atol=3e-2, rtol=0)


@needs_extension
def test_strided_tensors() -> None:
    packed = torch.randn(2, 6, 7, 3, 2, 8)
    query, key, value = (t.requires_grad_() for t in packed.unbind(3))
    offset = (torch.rand(2, 6, 7, 1, 2) * 6).requires_grad_()
    expanded = offset.expand(2, 6, 7, 2, 2)
    found = results([query, key, value, expanded], 1, "native")
    dense = results([t.detach().contiguous().requires_grad_() for t in (query, key, value, expanded)], 1, "native")
    assert all(a.equal(b) for a, b in zip(found, dense, strict=True))
    turned = [t.detach().transpose(1, 4).contiguous().transpose(1, 4) for t in (query, key, value)]
    out, _ = match_attention(*turned, expanded, 1, backend="native")
    assert out.equal(found[0])


@needs_extension
@pytest.mark.parametrize("radius", [0, 1, (2, 1)])
def test_first_and_second_derivatives(radius: int | tuple[int, int]) -> None:
    tensors = draw((5, 7), heads=1, dim=4, batch=1)
    with torch.no_grad():  # away from the limits and from whole pixels, where there is no derivative
        tensors[3].copy_(tensors[3].clamp(2.1, 2.9))

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        return match_attention(*tensors, radius, backend="native")

    assert torch.autograd.gradcheck(run, tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, tensors, fast_mode=True)


@pytest.mark.parametrize("backend", ["reference", pytest.param("native", marks=needs_extension)])
def test_centers_have_gradients_up_to_their_limits(backend: str) -> None:
    tensors = draw((5, 6), heads=1, batch=1, dtype=torch.float64)
    limits = torch.tensor([[1.0, 1.0], [6 - 2 - 1e-3, 5 - 2 - 1e-3], [0.5, 0.9], [4.5, 3.9]], dtype=torch.float64)
    with torch.no_grad():
        tensors[3][0, 0, :4, 0] = limits
    grad = results(tensors, 1, backend)[5][0, 0, :4, 0]
    assert (grad[:2] != 0).all() and (grad[2:] == 0).all()


@pytest.mark.parametrize("backend", ["reference", pytest.param("native", marks=needs_extension)])
def test_nan_stays_with_its_queries(backend: str) -> None:
    tensors = draw((6, 7), heads=1, batch=1)
    with torch.no_grad():
        tensors[3][0, 2, 3, 0, 0] = torch.nan
    out, _ = match_attention(*tensors, 1, backend=backend)
    assert out[0, 2, 3].isnan().all() and out.isnan().sum() == out.shape[-1]


@needs_extension
def test_weights_are_left_out_on_request() -> None:
    tensors = draw()
    out, attn = match_attention(*tensors, 1, need_weights=False)
    expected = match_attention(*tensors, 1)[0]
    assert attn is None and out.equal(expected)
    grads = torch.autograd.grad(out.sum(), tensors)
    for ours, theirs in zip(grads, torch.autograd.grad(expected.sum(), tensors), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert match_attention(*tensors, 1, need_weights=False, backend="reference")[1] is None


@pytest.mark.parametrize("backend", ["reference", pytest.param("native", marks=needs_extension)])
def test_windows_stay_inside_maps_so_wide_that_floats_lose_the_margin(backend: str) -> None:
    width = 40_000
    query, key, value = torch.randn(3, 1, 4, width, 1, 1).unbind(0)
    offset = torch.full((1, 4, width, 1, 2), 1e9)
    out, attn = match_attention(query, key, value, offset, 1, backend=backend)
    # The center is the last pixel that has a whole window around it: of the four columns, the first has no weight.
    assert attn.view(4, width, 4, 4)[:, :, :, 0].abs().max() < 1e-3
    window = value[0, :, -4:, 0, 0]
    torch.testing.assert_close(out.flatten(1).squeeze(), (attn.view(4 * width, 16) @ window.flatten()).view(1, -1)[0])


@pytest.mark.parametrize("radius", [np.int64(1), (np.int32(1), 1)])
def test_integers_of_other_kinds_are_radii(radius: object) -> None:
    tensors = draw((5, 6))
    torch.testing.assert_close(match_attention(*tensors, radius), match_attention(*tensors, 1))


@needs_extension
@pytest.mark.parametrize("needs_grad", [False, True])
def test_operators_pass_opcheck(needs_grad: bool) -> None:
    tensors = [t.detach().float().requires_grad_(needs_grad) for t in draw((5, 6), dim=4)]
    forward, backward = torch.ops.nbv.match_attention.default, torch.ops.nbv.match_attention_backward.default
    for need_weights in (True, False):
        torch.library.opcheck(forward, (*tensors, 1, 1, 0.5, need_weights))
    if not needs_grad:
        out, attn = forward(*tensors, 1, 1, 0.5, True)
        torch.library.opcheck(backward, (torch.ones_like(out), torch.ones_like(attn), *tensors, 1, 1, 0.5))
        torch.library.opcheck(backward, (torch.ones_like(out), None, *tensors, 1, 1, 0.5))


@needs_extension
@pytest.mark.parametrize("dynamic", [False, True])
def test_compiles_into_one_graph(dynamic: bool) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lambda *t: match_attention(*t, 1), fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for size in ((6, 7), (7, 9)):
        tensors = draw(size, dtype=torch.float32)
        found, expected = compiled(*tensors), match_attention(*tensors, 1)
        torch.testing.assert_close(found, expected)
        for ours, theirs in zip(*(torch.autograd.grad(r[0].sum(), tensors) for r in (found, expected)), strict=True):
            torch.testing.assert_close(ours, theirs)


@needs_extension
def test_autocast_keeps_the_centers() -> None:
    tensors = draw((5, 900), heads=1, dtype=torch.float32)
    exact = match_attention(*tensors, 1, backend="reference")[1]
    with torch.autocast("cpu", torch.bfloat16):
        for backend in ("native", "reference"):
            out, attn = match_attention(*tensors, 1, backend=backend)
            assert out.dtype == attn.dtype == torch.bfloat16
            torch.testing.assert_close(attn.float(), exact, atol=5e-2, rtol=0)
        direct = torch.ops.nbv.match_attention(*[t.bfloat16() for t in tensors[:3]], tensors[3], 1, 1, 0.5, True)
    assert direct[0].dtype == torch.float32


@needs_extension
@pytest.mark.parametrize("in_dims", [(0, 0, 0, 0), (1, None, 0, 2)])
def test_vmap(in_dims: tuple[int | None, ...]) -> None:
    samples = [draw(seed=seed) for seed in range(3)]
    inputs = [torch.stack([sample[i].detach().float() for sample in samples]) for i in range(4)]
    inputs = [x[0] if dim is None else x.movedim(0, dim) for x, dim in zip(inputs, in_dims, strict=True)]
    together = torch.vmap(lambda *t: match_attention(*t, 1), in_dims=in_dims)(*inputs)
    for i in range(3):
        one = [x if dim is None else x.select(dim, i) for x, dim in zip(inputs, in_dims, strict=True)]
        torch.testing.assert_close((together[0][i], together[1][i]), match_attention(*one, 1))


@needs_extension
def test_results_are_the_same_bit_for_bit_on_any_number_of_threads() -> None:
    before = torch.get_num_threads()
    tensors = draw((19, 23), dtype=torch.float32)
    runs = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            runs.append(results(tensors, 2, "native"))
    finally:
        torch.set_num_threads(before)
    assert all(a.equal(b) for run in runs[1:] for a, b in zip(run, runs[0], strict=True))


def test_gradient_transforms_take_the_reference() -> None:
    query, *rest = (t.detach() for t in draw())
    grad = torch.func.grad(lambda q: match_attention(q, *rest, 1)[0].sum())(query)
    q = query.requires_grad_()
    torch.testing.assert_close(grad, torch.autograd.grad(match_attention(q, *rest, 1)[0].sum(), q)[0])


def test_exported_programs_need_no_kernels(tmp_path: Any) -> None:
    class Model(torch.nn.Module):
        def forward(self, q: Tensor, k: Tensor, v: Tensor, offset: Tensor) -> Tensor:
            return match_attention(q, k, v, offset, 1)[0]

    inputs = tuple(t.detach().float() for t in draw(batch=1))
    program = torch.onnx.export(Model(), inputs, dynamo=True, verbose=False)
    onnxruntime = pytest.importorskip("onnxruntime")
    program.save(tmp_path / "match.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "match.onnx")
    names = [i.name for i in session.get_inputs()]
    (found,) = session.run(None, {name: t.numpy() for name, t in zip(names, inputs, strict=True)})
    torch.testing.assert_close(torch.from_numpy(found), Model()(*inputs), atol=1e-5, rtol=0)


def test_the_mix_of_softmaxes_sums_to_one() -> None:
    logits, fraction = torch.randn(3, 36, dtype=torch.float64), torch.rand(3, 2, dtype=torch.float64)
    weights = match_reference.bilinear_softmax(logits, fraction, (2, 2))
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, dtype=torch.float64))
    centered = match_reference.bilinear_softmax(logits, torch.zeros(3, 2, dtype=torch.float64), (2, 2))
    expected = logits.view(3, 6, 6)[:, :5, :5].flatten(1).softmax(-1)
    torch.testing.assert_close(centered.view(3, 6, 6)[:, :5, :5].flatten(1), expected)


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"window_radius": -1}, ValueError, "none negative, got -1"),
    ({"window_radius": 1.5}, TypeError, "integer or two, \\(x, y\\), got 1.5"),
    ({"window_radius": (1, 2, 3)}, ValueError, "one number or two"),
    ({"window_radius": 4}, ValueError, "at least 2 window_radius \\+ 2 = 10 x 10 .* got 9 x 7"),
    ({"backend": "cuda"}, ValueError, "backend must be None, 'native' or 'reference', got 'cuda'"),
    ({"scale": "big"}, TypeError, "scale must be a number or None, got 'big'"),
    ({"key": torch.zeros(2, 7, 9, 2, 8)}, TypeError, "key must have the dtype torch.float64 of query"),
    ({"value": torch.zeros(2, 7, 8, 2, 8).double()}, ValueError, "value must have the batch and spatial sizes"),
    ({"query": torch.zeros(7, 9, 2, 8)}, ValueError, "query must be \\[B, axis 1, axis 2, heads, dim\\]"),
    (
        {"offset": torch.zeros(2, 7, 9, 2, 3)},
        ValueError,
        "offset must be \\[B, H, W, heads, 2\\] = \\(2, 7, 9, 2, 2\\)",
    ),
    ({"offset": torch.zeros(2, 7, 9, 2, 2).long()}, TypeError, "offset must be float32, .* got torch.int64"),
]


@pytest.mark.parametrize(("change", "error", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_errors_name_the_value_and_what_was_expected(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    names = ("query", "key", "value", "offset")
    arguments = {**dict(zip(names, draw(), strict=True)), "window_radius": 1, **change}
    with pytest.raises(error, match=message):
        match_attention(**arguments)


def test_a_window_too_large_for_the_kernels_is_left_to_the_reference() -> None:
    tensors = draw((36, 36), heads=1, dim=1, batch=1)
    assert match_attention(*tensors, 16)[1].shape[-1] == 34 * 34
    if kernels.missing() is None:
        with pytest.raises(RuntimeError, match="'native' cannot do this call: windows of at most 1024 pixels"):
            match_attention(*tensors, 16, backend="native")
