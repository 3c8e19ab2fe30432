"""The choice of a backend, and those that other libraries give."""

from __future__ import annotations

import re
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
from vision.ops.common import cuda_kernels
from vision.ops.common.backends import describe, select
from vision.ops.neighborhood import native, natten
from vision.ops.neighborhood.arguments import Call, Window
from vision.ops.neighborhood.backends import BACKENDS


class FakeTensor:
    """What `why_not` reads of a tensor that this machine cannot hold."""

    def __init__(self, shape: tuple[int, ...], device: str = "cuda", dtype: torch.dtype = torch.float16) -> None:
        self.shape, self.dtype, self.device = torch.Size(shape), dtype, torch.device(device)
        self.is_cuda = self.device.type == "cuda"
        self.requires_grad = False


def make_call(device: str = "cuda", dtype: torch.dtype = torch.float16, dim: int = 32, **changes: Any) -> Call:
    value_dim = changes.pop("value_dim", dim)
    batch, shape, additional = changes.pop("batch", 1), changes.pop("shape", (8, 8)), changes.pop("additional", None)
    grids: list[Any] = [FakeTensor((batch, *shape, 2, d), device, dtype) for d in (dim, dim, value_dim)]
    extra: Any = None if additional is None else FakeTensor((batch, additional, 2, dim), device, dtype)
    window = Window(changes.pop("kernel_size", (3, 3)), (1, 1), (1, 1), (False, False))
    call = Call(*grids, None, extra, extra, window, 0.5)
    return call._replace(**changes)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that says whether there are kernels for CUDA, and for which card."""

    def put(missing: str | None = None, capability: tuple[int, int] | None = None, built: str = "75:80:90") -> None:
        monkeypatch.setattr(cuda_kernels, "_MISSING", missing)
        monkeypatch.setattr(cuda_kernels, "capability", lambda index: capability)
        monkeypatch.setattr(cuda_kernels, "architectures", lambda: built.split(":"))

    return put


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


def test_default_choice_on_gpus(module: types.SimpleNamespace, card: Callable[..., None]) -> None:
    card(missing="not built")
    assert select(BACKENDS, None, make_call()).name == "natten"
    assert select(BACKENDS, None, make_call(value_dim=20)).name == "flex"
    assert select(BACKENDS, None, make_call(dim=8, value_dim=12)).name == "reference"
    assert select(BACKENDS, None, make_call(dtype=torch.float64)).name == "reference"
    module.HAS_LIBNATTEN = False
    assert select(BACKENDS, None, make_call()).name == "flex"
    assert select(BACKENDS, None, make_call(device="mps")).name == "reference"


def test_the_kernels_are_the_first_choice_on_gpus(module: types.SimpleNamespace, card: Callable[..., None]) -> None:
    for capability in (None, (8, 0), (8, 6), (9, 0)):
        card(capability=capability)
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            assert select(BACKENDS, None, make_call(dtype=dtype)).name == "native"
    card(capability=(7, 5))
    assert select(BACKENDS, None, make_call(dtype=torch.float32)).name == "native"
    assert select(BACKENDS, None, make_call(dtype=torch.float64)).name == "native"
    assert select(BACKENDS, None, make_call()).name == "natten"
    card(capability=(10, 0))  # for which there is no code
    assert select(BACKENDS, None, make_call()).name == "natten"


@pytest.mark.parametrize(
    ("capability", "changes", "reason"),
    [
        ((7, 5), {}, "half precision needs compute capability 8.0, this card has 7.5"),
        ((7, 5), {"dtype": torch.bfloat16}, "half precision needs compute capability 8.0, this card has 7.5"),
        (
            (12, 0),
            {},
            "vision._C_cuda has code for sm_75, sm_80, sm_90, this card has compute capability 12.0",
        ),
        ((9, 0), {"dim": 256}, None),
        ((9, 0), {"dim": 257}, "head dims of at most 256 on CUDA, not 257"),
        ((9, 0), {"value_dim": 260}, "head dims of at most 256 on CUDA, not 260"),
        ((9, 0), {"shape": (2**30 - 1, 1)}, None),
        ((9, 0), {"shape": (8, 2**30)}, f"axes of at most 2^30 - 1 tokens on CUDA, not {2**30}"),
        ((9, 0), {"additional": 2**30}, f"axes of at most 2^30 - 1 tokens on CUDA, not {2**30}"),
        (
            (9, 0),
            {"batch": 2**20, "shape": (2**5, 2**5)},
            f"at most 2^31 - 1 queries of all samples and heads on CUDA, not {2**31}",
        ),
        (
            (9, 0),
            {"bias": torch.zeros(1).expand(2**31)},
            f"a bias of at most 2^31 - 1 elements on CUDA, not {2**31}",
        ),
        ((9, 0), {"shape": (2**20, 2**6), "bias": torch.zeros(1)}, None),
        (
            (9, 0),
            {"shape": (2**29 - 32, 2), "bias": torch.zeros(1)},
            f"a bias with at most 2^31 - 1 places on the map on CUDA, not {(2**29 - 32) * 5 + 2}",
        ),
    ],
)
def test_the_kernels_say_what_they_cannot_on_gpus(
    card: Callable[..., None], capability: tuple[int, int], changes: dict[str, Any], reason: str | None
) -> None:
    card(capability=capability)
    call = make_call(**changes)
    assert native.why_not(call) == reason
    if reason is not None:
        with pytest.raises(RuntimeError, match=re.escape(f"backend 'native' cannot do this call: {reason}")):
            select(BACKENDS, "native", call)


def test_code_runs_on_cards_of_its_major_version() -> None:
    cards = ((7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (10, 3), (12, 0), (12, 1))

    def which(name: str) -> list[tuple[int, int]]:
        return [card for card in cards if cuda_kernels.runs_on(name, card)]

    assert which("80") == [(8, 0), (8, 6), (8, 9)] and which("86") == [(8, 6), (8, 9)]
    assert which("90a") == [(9, 0)] == which("90a+PTX") and which("100f") == [(10, 0), (10, 3)]
    assert which("90+PTX") == [(9, 0), (10, 0), (10, 3), (12, 0), (12, 1)] and which("120") == [(12, 0), (12, 1)]


def test_named_backend_says_why_it_cannot(card: Callable[..., None]) -> None:
    card(missing="the reason")
    with pytest.raises(RuntimeError, match="backend 'native' cannot do this call: the reason"):
        select(BACKENDS, "native", make_call())
    with pytest.raises(RuntimeError, match="backend 'native' cannot do this call: no kernels for mps tensors"):
        select(BACKENDS, "native", make_call(device="mps"))
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
