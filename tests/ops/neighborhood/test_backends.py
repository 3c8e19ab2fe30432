"""The choice of a backend, and those that other libraries give."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vision.ops import na2d
from vision.ops.common.backends import describe, select
from vision.ops.neighborhood import natten
from vision.ops.neighborhood.arguments import Call, Window
from vision.ops.neighborhood.backends import BACKENDS


class FakeTensor:
    """What `why_not` reads of a tensor that this machine cannot hold."""

    def __init__(self, shape: tuple[int, ...], device: str = "cuda", dtype: torch.dtype = torch.float16) -> None:
        self.shape, self.dtype, self.device = torch.Size(shape), dtype, types.SimpleNamespace(type=device)
        self.requires_grad = False


def make_call(device: str = "cuda", dtype: torch.dtype = torch.float16, dim: int = 32, **changes: Any) -> Call:
    value_dim = changes.pop("value_dim", dim)
    grids: list[Any] = [FakeTensor((changes.pop("batch", 1), 8, 8, 2, d), device, dtype) for d in (dim, dim, value_dim)]
    window = Window(changes.pop("kernel_size", (3, 3)), (1, 1), (1, 1), (False, False))
    call = Call(*grids, None, None, None, window, 0.5)
    return call._replace(**changes)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """NATTEN as far as it is used: it notes the arguments of the last call."""
    stub = types.SimpleNamespace(HAS_LIBNATTEN=True, calls=[])

    def attend(*args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        stub.calls.append((args, options))
        return args[0], args[0][..., 0]

    stub.na1d = stub.na2d = stub.na3d = attend
    monkeypatch.setattr(natten, "_natten", lambda: stub)
    yield stub


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"device": "cpu"}, "kernels for cuda only, not for cpu"),
        ({"dtype": torch.float64}, "no float64"),
        ({"bias": torch.zeros(1)}, "no positional bias since version 0.20"),
        ({"kernel_size": (1, 7)}, "it needs kernel sizes of at least 2, got (1, 7)"),
        ({"value_dim": 16}, None),
        ({"value_dim": 12}, "it needs head dims that are multiples of 8, got [12]"),
        ({"dim": 12}, "it needs head dims that are multiples of 8, got [12, 12]"),
        ({"scale": 0.0}, "it takes scale 0 for its default"),
        ({"batch": 0}, "no empty batch"),
    ],
)
def test_natten_says_what_it_cannot(module: types.SimpleNamespace, changes: dict[str, Any], reason: str | None) -> None:
    assert natten.why_not(make_call(**changes)) == reason


def test_natten_has_no_gradient_of_lse(module: types.SimpleNamespace) -> None:
    call = make_call(return_lse=True)
    assert natten.why_not(call) is None
    call.query.requires_grad = True
    assert natten.why_not(call) == "no gradient of the LSE"
    assert natten.why_not(call._replace(return_lse=False)) is None


def test_natten_gets_the_arguments(module: types.SimpleNamespace) -> None:
    q, k, v, extra = (torch.randn(1, 8, 8, 2, 4) for _ in range(4))
    call = Call(q, k, v, None, extra, extra, Window((3, 5), (1, 2), (2, 1), (True, False)), 0.25)
    out, lse = natten.neighborhood_attention(call)
    ((args, options),) = module.calls
    assert args == (q, k, v) and out is q and lse.shape == q.shape[:-1]
    assert options == {
        "kernel_size": (3, 5),
        "stride": (1, 2),
        "dilation": (2, 1),
        "is_causal": (True, False),
        "scale": 0.25,
        "additional_keys": extra,
        "additional_values": extra,
        "return_lse": True,
    }


def test_natten_that_is_not_there(module: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    module.HAS_LIBNATTEN = False
    assert "libnatten" in str(natten.why_not(make_call()))
    monkeypatch.setattr(natten, "_natten", lambda: None)
    assert str(natten.why_not(make_call())).startswith("not installed: pip install")


def test_default_choice_on_gpus(module: types.SimpleNamespace) -> None:
    assert select(BACKENDS, None, make_call()).name == "natten"
    assert select(BACKENDS, None, make_call(value_dim=20)).name == "flex"
    assert select(BACKENDS, None, make_call(dim=8, value_dim=12)).name == "reference"
    assert select(BACKENDS, None, make_call(dtype=torch.float64)).name == "reference"
    module.HAS_LIBNATTEN = False
    assert select(BACKENDS, None, make_call()).name == "flex"
    assert select(BACKENDS, None, make_call(device="mps")).name == "reference"


def test_named_backend_says_why_it_cannot() -> None:
    with pytest.raises(RuntimeError, match="backend 'native' cannot do this call: no kernels for cuda tensors"):
        select(BACKENDS, "native", make_call())
    with pytest.raises(RuntimeError, match="'flex' cannot do this call: it runs on cpu and cuda, not on mps"):
        select(BACKENDS, "flex", make_call(device="mps"))
    x = torch.randn(1, 6, 7, 2, 8, requires_grad=True)
    with pytest.raises(RuntimeError, match="'flex' cannot do this call: no backward on the CPU"):
        na2d(x, x, x, 3, backend="flex")


def test_description_is_in_order_of_preference() -> None:
    rows = describe(BACKENDS)
    assert [name for name, _, _ in rows] == [backend.name for backend in BACKENDS]
    assert rows[-1][:2] == ("reference", None) and all(purpose for _, _, purpose in rows)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_flex_is_the_reference(data: st.DataObject, cases: Any) -> None:
    case = data.draw(cases)
    tensors = {name: x.detach() for name, x in case.tensors(torch.float32).items()}
    if case.numbers["batch"] == 0:
        with pytest.raises(RuntimeError, match="no empty batch"):
            case.run(tensors, "flex")
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "flex_attention called without torch.compile")
        results = case.run(tensors, "flex")
    torch.testing.assert_close(results, case.run(tensors, "reference"), atol=1e-4, rtol=1e-4)


def test_flex_under_no_grad_and_in_low_precision(make_case: Callable) -> None:
    case = make_case(has_bias=True, additional=2, group=2)
    tensors = case.tensors(torch.bfloat16)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "flex_attention called without torch.compile")
        out, lse = case.run(tensors, "flex")
    assert out.dtype == torch.bfloat16 and lse.dtype == torch.float32
    torch.testing.assert_close(out, case.run(tensors, "reference")[0].detach(), atol=3e-2, rtol=3e-2)
