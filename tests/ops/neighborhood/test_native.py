"""The compiled operator against the reference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vision.ops import na1d, na2d
from vision.ops.common import kernels

needs_extension = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))
TOLERANCE = {
    torch.float64: (1e-10, 1e-10),
    torch.float32: (2e-5, 2e-4),
    torch.float16: (2e-2, 2e-2),
    torch.bfloat16: (1e-1, 5e-2),
}


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def assert_close(actual: Tensor, expected: Tensor, dtype: torch.dtype, what: str) -> None:
    assert actual.shape == expected.shape and actual.dtype == expected.dtype, what
    atol, rtol = TOLERANCE[dtype]
    # Sums over many tokens are rounded by their largest terms.
    scale = max(1.0, expected.abs().max().item()) if expected.numel() else 1.0
    torch.testing.assert_close(actual, expected, atol=atol * scale, rtol=rtol, msg=lambda text: f"{what}: {text}")


def test_extension_is_loaded() -> None:
    assert kernels.missing() is None, kernels.missing()


@needs_extension
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_native_is_the_reference(data: st.DataObject, cases: Any, gradients: Callable, dtype: torch.dtype) -> None:
    case = data.draw(cases)
    check(case, dtype, gradients)


def check(case: Any, dtype: torch.dtype, gradients: Callable) -> None:
    tensors = case.tensors(dtype)
    results = case.run(tensors, "native")
    expected = case.run(tensors, "reference")
    for name, actual, wanted in zip(("out", "lse"), results, expected, strict=True):
        assert actual.is_contiguous()
        assert_close(actual, wanted, dtype, name)
    grads, wanted_grads = gradients(tensors, *results), gradients(tensors, *expected)
    for name, grad in grads.items():
        assert_close(grad, wanted_grads[name], dtype, f"gradient of {name}")


WIDE = [
    {"shape": (150,), "kernel_size": (63,), "dim": 24},
    {"shape": (40, 45), "kernel_size": (7, 7), "dim": 32, "has_bias": True, "batch": 1},
    {"shape": (33, 37), "kernel_size": (13, 11), "dilation": (2, 3), "dim": 128, "batch": 1, "heads_kv": 1},
    {"shape": (6, 14, 15), "kernel_size": (3, 7, 7), "dim": 32, "batch": 1, "has_bias": True},
    {"shape": (28, 28), "kernel_size": (7, 7), "dilation": (4, 4), "stride": (3, 7), "dim": 100, "additional": 4},
    {"shape": (20, 50), "kernel_size": (5, 9), "is_causal": (True, True), "stride": (2, 4), "group": 3, "dim": 17},
]


@needs_extension
@pytest.mark.parametrize("numbers", WIDE, ids=lambda numbers: str(numbers["shape"]))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_native_is_the_reference_at_sizes_of_networks(
    numbers: dict[str, Any], dtype: torch.dtype, make_case: Callable, gradients: Callable
) -> None:
    check(make_case(**{"value_dim": numbers["dim"], **numbers}), dtype, gradients)


@needs_extension
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_first_and_second_derivatives(data: st.DataObject, cases: Any) -> None:
    case = data.draw(cases)
    tensors = case.tensors(torch.float64)
    # The check moves the numbers one by one, so none may be there twice.
    values = tuple(x.detach().contiguous().requires_grad_() for x in tensors.values())

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        return case.run(dict(zip(tensors, values, strict=True)), "native")

    if case.numbers["batch"] > 0:
        assert torch.autograd.gradcheck(run, values, fast_mode=True)
        assert torch.autograd.gradgradcheck(run, values, fast_mode=True)


@needs_extension
def test_second_derivative_of_tensors_made_from_each_other() -> None:
    x = torch.randn(1, 7, 2, 3, dtype=torch.float64, requires_grad=True)
    for backend in ("native", "reference"):
        out = na1d(x, 2 * x, x * x, 3, backend=backend)
        (first,) = torch.autograd.grad(out.pow(2).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(2).sum(), x, create_graph=True)
        (third,) = torch.autograd.grad(second.sum(), x)
        if backend == "native":
            expected = second, third
    torch.testing.assert_close((second, third), expected)


@needs_extension
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_results_are_the_same_bit_for_bit(
    dtype: torch.dtype, make_case: Callable, gradients: Callable, threads: Callable
) -> None:
    case = make_case((23, 19), kernel_size=(5, 5), has_bias=True, additional=3, group=2, is_causal=(True, False))
    tensors = case.tensors(dtype)
    runs = []
    for count in (1, 2, 2, 3):
        threads(count)
        results = case.run(tensors, "native")
        runs.append([*results, *gradients(tensors, *results).values()])
    for run in runs[1:]:
        assert all(a.equal(b) for a, b in zip(run, runs[0], strict=True))


@needs_extension
def test_python_threads_do_not_disturb_each_other(make_case: Callable, gradients: Callable) -> None:
    cases = [make_case((20 + i, 18), kernel_size=(3 + i, 5), has_bias=i % 2 == 0, seed=i) for i in range(4)]
    tensors = [case.tensors(torch.float32) for case in cases]

    def results(i: int) -> list[Tensor]:
        out = cases[i].run(tensors[i], "native")
        return [*out, *gradients(tensors[i], *out).values()]

    alone = [results(i) for i in range(4)]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(10):
            if not all(a.equal(b) for a, b in zip(results(i), alone[i], strict=True)):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@needs_extension
@pytest.mark.parametrize("name", ["query", "key", "value"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_nan_stays_in_its_neighborhoods(name: str, dilation: int, make_case: Callable, gradients: Callable) -> None:
    case = make_case((12, 13), kernel_size=(3, 5), dilation=(dilation,) * 2, is_causal=(False, True))
    tensors = case.tensors(torch.float32)
    with torch.no_grad():
        tensors[name][0, 5, 6, 1, 3] = torch.nan
    for backend in ("native", "reference"):
        results = case.run(tensors, backend)
        spots = [x.isnan() for x in (*results, *gradients(tensors, *results).values())]
        if backend == "native":
            first = spots
    assert first[0].any() and not first[0].all()
    assert all(a.equal(b) for a, b in zip(first, spots, strict=True))


@needs_extension
@pytest.mark.parametrize("needs_grad", [False, True])
@pytest.mark.parametrize("options", [{}, {"has_bias": True, "additional": 2, "group": 2}], ids=["plain", "all"])
def test_operators_pass_opcheck(options: dict[str, Any], needs_grad: bool, make_case: Callable) -> None:
    case = make_case((5, 6), dim=4, value_dim=3, is_causal=(False, True), **options)
    tensors = {name: x.requires_grad_(needs_grad) for name, x in case.tensors(torch.float32).items()}
    names = ("query", "key", "value", "bias", "additional_keys", "additional_values")
    inputs = [tensors.get(name) for name in names]
    numbers = [*map(list, case.window[:3]), [0, 1], 0.5]
    forward = torch.ops.nbv.neighborhood_attention.default
    torch.library.opcheck(forward, (*inputs, *numbers))
    if not needs_grad:
        out, lse = forward(*inputs, *numbers)
        backward = torch.ops.nbv.neighborhood_attention_backward.default
        torch.library.opcheck(backward, (torch.ones_like(out), torch.ones_like(lse), *inputs, out, lse, *numbers))


@needs_extension
def test_tf32_is_nothing_on_the_cpu(make_case: Callable) -> None:
    tensors = [*make_case().tensors(torch.float32).values(), None, None, None]
    numbers = ([3, 3], [1, 1], [1, 1], [0, 0], 0.5)
    results = []
    for flag in ((), (False,), (True,)):
        out, lse = torch.ops.nbv.neighborhood_attention(*tensors, *numbers, *flag)
        results.append([out, lse, *torch.autograd.grad(out.sum() + lse.sum(), tensors[:3])])
    for result in results[1:]:
        assert all(a.equal(b) for a, b in zip(results[0], result, strict=True))
    torch.library.opcheck(
        torch.ops.nbv.neighborhood_attention.default,
        (*tensors, *numbers, True),
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )


@needs_extension
@pytest.mark.parametrize("dynamic", [False, True])
def test_compiles_into_one_graph(dynamic: bool, make_case: Callable, gradients: Callable) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lambda tensors: case.run(tensors), fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for batch in (2, 3):
        case = make_case(has_bias=True, additional=2, batch=batch)
        tensors = case.tensors(torch.float32)
        results, expected = compiled(tensors), case.run(tensors)
        torch.testing.assert_close(results, expected)
        torch.testing.assert_close(gradients(tensors, *results), gradients(tensors, *expected))


class _Model(torch.nn.Module):
    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return na2d(q, k, v, 3, dilation=2)


def test_the_reference_compiles_where_there_are_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_MISSING", "vision._C is not built")
    x = torch.randn(1, 9, 9, 2, 8)
    compiled = torch.compile(lambda x: na2d(x, x, x, 3), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), na2d(x, x, x, 3, backend="reference"))


@needs_extension
@pytest.mark.parametrize("strict", [False, True])
def test_exports_with_a_dynamic_batch(strict: bool) -> None:
    inputs = tuple(torch.randn(3, 2, 6, 7, 4, 8).unbind(0))
    batch = torch.export.Dim("batch")
    program = torch.export.export(_Model(), inputs, dynamic_shapes=({0: batch},) * 3, strict=strict)
    assert any(node.target is torch.ops.nbv.neighborhood_attention.default for node in program.graph.nodes)
    more = tuple(torch.randn(3, 5, 6, 7, 4, 8).unbind(0))
    assert program.module()(*more).equal(_Model()(*more))


@needs_extension
@pytest.mark.parametrize("in_dims", [(0, 0, 0), (1, None, 0), (None, 0, 3)])
def test_vmap(in_dims: tuple[int | None, ...]) -> None:
    inputs = [torch.randn(3, 3, 6, 3, 2, 4).movedim(0, 0 if dim is None else dim) for dim in in_dims]
    inputs = [x[0] if dim is None else x for x, dim in zip(inputs, in_dims, strict=True)]
    together = torch.vmap(lambda q, k, v: na2d(q, k, v, (3, 2)), in_dims=in_dims)(*inputs)
    for i in range(3):
        one = [x if dim is None else x.select(dim, i) for x, dim in zip(inputs, in_dims, strict=True)]
        torch.testing.assert_close(together[i], na2d(*one, (3, 2)))


@needs_extension
def test_vmap_over_bias_and_of_gradients() -> None:
    q = torch.randn(2, 6, 2, 4, requires_grad=True)
    biases = torch.randn(3, 2, 5, requires_grad=True)
    together = torch.vmap(lambda bias: na1d(q, q, q, 3, bias=bias))(biases)
    torch.testing.assert_close(together, torch.stack([na1d(q, q, q, 3, bias=bias) for bias in biases]))
    out = na1d(q, q, q, 3, bias=biases[0])
    upstream = torch.randn(3, *out.shape)
    batched = torch.autograd.grad(out, (q, biases), upstream, is_grads_batched=True, retain_graph=True)
    for i in range(3):
        expected = torch.autograd.grad(out, (q, biases), upstream[i], retain_graph=True)
        torch.testing.assert_close(tuple(grad[i] for grad in batched), expected)


@needs_extension
def test_vmap_of_the_backward_operator_with_a_bias() -> None:
    """Every sample has a gradient of the bias of its own: the operator would sum them over the batch."""
    q, bias = torch.randn(2, 6, 2, 4), torch.randn(2, 5)
    numbers = ([3], [1], [1], [0], 0.5)
    out, lse = torch.ops.nbv.neighborhood_attention.default(q, q, q, bias, None, None, *numbers)

    def backward(upstream: Tensor) -> Tensor:
        operator = torch.ops.nbv.neighborhood_attention_backward.default
        return operator(upstream, torch.zeros_like(lse), q, q, q, bias, None, None, out, lse, *numbers)[3]

    upstream = torch.randn(3, *out.shape)
    torch.testing.assert_close(torch.vmap(backward)(upstream), torch.stack([backward(g) for g in upstream]))


def test_autocast_leaves_float64() -> None:
    x = torch.randn(1, 6, 2, 4, dtype=torch.float64)
    expected = na1d(x, x, x, 3)
    with torch.autocast("cpu", torch.bfloat16):
        for backend in (None, "reference"):
            found = na1d(x, x, x, 3, backend=backend)
            assert found.dtype == torch.float64
            torch.testing.assert_close(found, expected)


def test_a_module_of_operators_can_be_reloaded() -> None:
    import importlib

    from vision.ops.match import native as match
    from vision.ops.neighborhood import bilinear, native

    x = torch.randn(1, 6, 2, 4)
    expected = na1d(x, x, x, 3)
    for module in (native, bilinear, match):
        importlib.reload(module)
    assert na1d(x, x, x, 3).equal(expected)


def test_gradient_transforms_take_the_reference() -> None:
    q = torch.randn(1, 6, 2, 4, requires_grad=True)
    grad = torch.func.grad(lambda q: na1d(q, q, q, 3).sum())(q.detach())
    torch.testing.assert_close(grad, torch.autograd.grad(na1d(q, q, q, 3, backend="reference").sum(), q)[0])
    if kernels.missing() is None:
        with pytest.raises(RuntimeError, match=r"backend 'native' cannot do this call: no torch\.func gradients"):
            torch.func.grad(lambda q: na1d(q, q, q, 3, backend="native").sum())(q.detach())


@needs_extension
def test_autocast_casts_all_tensors(make_case: Callable) -> None:
    case = make_case(has_bias=True, additional=2)
    tensors = case.tensors(torch.float32)
    tensors["key"] = tensors["key"].half()
    low = {name: x.bfloat16() for name, x in tensors.items()}
    with torch.autocast("cpu", torch.bfloat16):
        for backend in ("native", "reference"):
            out, lse = case.run(tensors, backend)
            assert out.dtype == torch.bfloat16 and lse.dtype == torch.float32
            assert_close(out, case.run(low, backend)[0], torch.bfloat16, backend)
        names = ("query", "key", "value", "bias", "additional_keys", "additional_values")
        numbers = [*map(list, case.window[:3]), [0, 0], 0.5]
        direct = torch.ops.nbv.neighborhood_attention(*[tensors[name] for name in names], *numbers)
    assert direct[0].dtype == torch.bfloat16
    direct[0].sum().backward()
    assert tensors["query"].grad is not None and tensors["query"].grad.dtype == torch.float32


@needs_extension
def test_default_backend_on_the_cpu_is_native(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 6, 2, 4)
    assert na1d(x, x, x, 3).equal(na1d(x, x, x, 3, backend="native"))
    monkeypatch.setattr(kernels, "_MISSING", "vision._C is not built: the command")
    assert na1d(x, x, x, 3).equal(na1d(x, x, x, 3, backend="reference"))
    with pytest.raises(RuntimeError, match=r"'native' cannot do this call: vision\._C is not built: the command"):
        na1d(x, x, x, 3, backend="native")


@needs_extension
def test_elements_further_than_32_bits_reach() -> None:
    def far() -> Tensor:
        """`[2, 8, 9, 2, 16]`, the second sample 2^31 elements after the first; memory is reserved, not touched."""
        distance, sample = 2**31 + 64, 8 * 9 * 2 * 16
        grid = torch.empty(distance + sample, dtype=torch.bfloat16).as_strided(
            (2, 8, 9, 2, 16), (distance, 288, 32, 16, 1)
        )
        return grid.copy_(torch.randn(2, 8, 9, 2, 16))

    tensors = [far() for _ in range(3)]
    found = na2d(*tensors, 3, backend="native")
    assert found.equal(na2d(*[t.contiguous() for t in tensors], 3, backend="native"))
