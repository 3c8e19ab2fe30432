"""Random calls of neighborhood attention, and what the tests compare."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from vision.ops import na1d, na2d, na3d

FUNCTIONS = {1: na1d, 2: na2d, 3: na3d}
NAMES = ("query", "key", "value", "bias", "additional_keys", "additional_values")


class Case:
    """Arguments of one call, whose tensors are made from its numbers alone."""

    def __init__(self, **numbers: Any) -> None:
        self.numbers = numbers
        self.shape = numbers["shape"]
        self.window = numbers["kernel_size"], numbers["stride"], numbers["dilation"], numbers["is_causal"]

    def __repr__(self) -> str:
        return f"Case({self.numbers})"

    def tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """Tensors that require gradients; some are expanded or have their axes in another order in memory."""
        n = self.numbers
        make = torch.Generator().manual_seed(n["seed"])

        def random(*sizes: int) -> Tensor:
            return torch.randn(sizes, generator=make, dtype=torch.float64).to(dtype)

        heads, heads_kv, dim, value_dim = n["heads_kv"] * n["group"], n["heads_kv"], n["dim"], n["value_dim"]
        grids = {"query": (heads, dim), "key": (heads_kv, dim), "value": (heads_kv, value_dim)}
        made = {name: random(n["batch"], *self.shape, *sizes) for name, sizes in grids.items()}
        if n["layout"] == "heads first":
            made = {name: x.transpose(1, -2).contiguous().transpose(1, -2) for name, x in made.items()}
        elif n["layout"] == "strided dims":
            made = {name: x.transpose(1, -1).contiguous().transpose(1, -1) for name, x in made.items()}
        elif n["layout"] == "expanded":
            made["key"] = made["key"][:, :1].expand(made["key"].shape)
            made["value"] = made["value"][..., :1].expand(made["value"].shape)
        if n["has_bias"]:
            made["bias"] = random(heads, *[2 * k - 1 for k in n["kernel_size"]])
        if n["additional"] is not None:
            made["additional_keys"] = random(n["batch"], n["additional"], heads_kv, dim)
            made["additional_values"] = random(n["batch"], n["additional"], heads_kv, value_dim)
        return {name: x.detach().requires_grad_() for name, x in made.items()}

    def run(self, tensors: dict[str, Tensor], backend: str | None = None) -> tuple[Tensor, Tensor]:
        """Output and LSE."""
        options = {name: tensors.get(name) for name in NAMES[3:]}
        function = FUNCTIONS[len(self.shape)]
        grids = [tensors[name] for name in NAMES[:3]]
        scale = self.numbers["scale"]
        return function(*grids, *self.window, scale, **options, return_lse=True, backend=backend)


@st.composite
def _cases(draw: st.DrawFn, largest: int = 300) -> Case:
    rank = draw(st.integers(1, 3))
    axes: list[tuple[int, int, int, int, bool]] = []
    for axis in range(rank):
        tokens = math.prod(axis[0] for axis in axes)
        room = max(1, min(24, largest // (tokens * 2 ** (rank - 1 - axis))))
        k = draw(st.integers(1, min(room, 9)))
        d = draw(st.integers(1, min(4, room // k)))
        length = draw(st.integers(k * d, room))
        axes.append((length, k, draw(st.integers(1, k)), d, draw(st.booleans())))
    shape, kernel_size, stride, dilation, is_causal = zip(*axes, strict=True)
    return Case(
        shape=shape,
        kernel_size=kernel_size,
        stride=stride,
        dilation=dilation,
        is_causal=is_causal,
        batch=draw(st.sampled_from([1, 2, 0])),
        heads_kv=draw(st.integers(1, 2)),
        group=draw(st.integers(1, 3)),
        dim=draw(st.sampled_from([8, 1, 5, 16, 33])),
        value_dim=draw(st.sampled_from([8, 1, 7, 16, 20])),
        has_bias=draw(st.booleans()),
        additional=draw(st.sampled_from([None, None, 0, 1, 5])),
        scale=draw(st.sampled_from([None, 0.0, 0.7])),
        layout=draw(st.sampled_from(["contiguous", "heads first", "strided dims", "expanded"])),
        seed=draw(st.integers(0, 1000)),
    )


CASES = _cases()


@pytest.fixture(scope="session")
def cases() -> st.SearchStrategy[Case]:
    """Calls of every kind; draw from it with `data.draw(cases)`."""
    return CASES


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """A function that makes one call: numbers not given are ordinary."""

    def make(shape: tuple[int, ...] = (6, 7), **numbers: Any) -> Case:
        rank = len(shape)
        ordinary: dict[str, Any] = {
            "shape": shape,
            "kernel_size": (3,) * rank,
            "stride": (1,) * rank,
            "dilation": (1,) * rank,
            "is_causal": (False,) * rank,
            "batch": 2,
            "heads_kv": 2,
            "group": 1,
            "dim": 8,
            "value_dim": 8,
            "has_bias": False,
            "additional": None,
            "scale": None,
            "layout": "contiguous",
            "seed": 0,
        }
        return Case(**{**ordinary, **numbers})

    return make


@pytest.fixture(scope="session")
def gradients() -> Callable[..., dict[str, Tensor]]:
    """A function: output and LSE -> their gradients by the tensors of the call, for random upstream gradients."""

    def run(tensors: dict[str, Tensor], out: Tensor, lse: Tensor) -> dict[str, Tensor]:
        make = torch.Generator().manual_seed(1)
        upstream = [torch.randn(x.shape, generator=make, dtype=torch.float64).to(x.dtype) for x in (out, lse)]
        grads = torch.autograd.grad((out, lse), list(tensors.values()), upstream)
        return dict(zip(tensors, grads, strict=True))

    return run
