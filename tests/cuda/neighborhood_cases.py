"""Calls of neighborhood attention for kernels under the emulator, and what must come of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import emulation
import numpy as np
import torch
from emulation import Case, Results
from torch import Tensor

from vision.ops.neighborhood import reference
from vision.ops.neighborhood.arguments import Window

INPUTS = ("query", "key", "value", "bias", "extra_key", "extra_value")
# Of the largest value of a result: about twice what was measured.
TOLERANCES = {"float32": 2e-6, "float64": 1e-14, "float16": 1.5e-3, "bfloat16": 1.2e-2, "tf32": 2.5e-3}
PATHS = {
    "float32": "FmaPath<float>",
    "float64": "FmaPath<double>",
    "float16": "MmaPath<Half>",
    "bfloat16": "MmaPath<BFloat16>",
    "tf32": "MmaPath<float>",
}
LARGE, SMALL = (90, 1, 227 * 1024), (80, 132, 99 * 1024)  # architecture, multiprocessors, shared memory of a block

run = partial(emulation.run, "emulated_neighborhood.py")


def make_case(
    size: tuple[int, ...] = (7, 9),
    kernel: tuple[int, ...] = (3, 5),
    stride: tuple[int, ...] | int = 1,
    dilation: tuple[int, ...] | int = 1,
    causal: tuple[bool, ...] | bool = False,
    batch: int = 1,
    heads: int = 1,
    heads_kv: int | None = None,
    dim: int = 8,
    dim_v: int | None = None,
    extra: int = 0,
    bias: bool = False,
    grad_lse: bool = True,
    hidden: float = 0.0,
    scale: float | None = None,
    amplitude: float = 1.0,
    loose: float = 1.0,
    layout: str = "dense",
    device: tuple[int, int, int] = LARGE,
    dtype: str = "float32",
    seed: int = 0,
    name: str = "a case",
) -> Case:
    """Arguments by name. `hidden`: the share of the bias that is -inf. `loose`: how many times the tolerance
    float32 and float64 have: the rounding of logits, which are larger than results, counts for them."""
    generator = np.random.default_rng(seed)
    heads_kv, dim_v = heads_kv or heads, dim_v or dim
    shapes = {"query": (*size, heads, dim), "key": (*size, heads_kv, dim), "value": (*size, heads_kv, dim_v)}
    shapes |= {"grad_out": (*size, heads, dim_v)} | ({"grad_lse": (*size, heads)} if grad_lse else {})
    shapes |= {"extra_key": (extra, heads_kv, dim), "extra_value": (extra, heads_kv, dim_v)} if extra else {}
    arrays = {name: generator.standard_normal((batch, *shape)) for name, shape in shapes.items()}
    arrays["query"] *= amplitude
    if dtype == "tf32" and amplitude > 1:  # rounded operands would change large logits by too much
        arrays["query"], arrays["key"] = (arrays[name].astype("float16") for name in ("query", "key"))
    if bias:
        table = generator.standard_normal((heads, *(2 * extent - 1 for extent in kernel)))
        hide = generator.random(table.shape) < hidden
        hide[(slice(None), *(extent - 1 for extent in kernel))] = False  # every query sees itself
        arrays["bias"] = np.where(hide, -np.inf, table)
    wide = "float64" if dtype == "float64" else "float32"
    stored = {name: store(x, wide if name in ("bias", "grad_lse") else dtype) for name, x in arrays.items()}
    axes = zip(size, kernel, *(each_axis(x, len(size)) for x in (stride, dilation, causal)), strict=True)
    scale = 1 / math.sqrt(dim) if scale is None else scale
    absent = dict.fromkeys(("bias", "grad_lse", "extra_key", "extra_value"))
    if dtype not in ("float32", "float64"):
        loose = 1.0
        device = (max(80, device[0]), device[1], max(99 * 1024, device[2]))  # what has tensor cores for it
    settings = {"name": name, "scale": scale, "loose": loose, "layout": layout, "device": device, "dtype": dtype}
    return absent | stored | settings | {"axes": list(axes)}


def each_axis(numbers: Any, rank: int) -> tuple[Any, ...]:
    return numbers if isinstance(numbers, tuple) else (numbers,) * rank


def store(array: np.ndarray, dtype: str) -> np.ndarray:
    """As the kernels read it: bfloat16 as its bits."""
    if dtype == "bfloat16":
        return torch.from_numpy(array).bfloat16().view(torch.uint16).numpy()
    return array.astype("float32" if dtype == "tf32" else dtype)


def load(array: np.ndarray) -> np.ndarray:
    """In double, of what `store` has made."""
    if array.dtype == np.uint16:
        return torch.from_numpy(array).view(torch.bfloat16).double().numpy()
    return array.astype("float64")


def expected(case: Case) -> Results:
    """By the reference and its derivatives, in double."""
    inputs = [None if case[name] is None else torch.from_numpy(load(case[name])).requires_grad_() for name in INPUTS]
    _, *numbers = zip(*case["axes"], strict=True)
    kernel, stride, dilation, causal = numbers
    out, lse = reference.neighborhood_attention(*inputs, Window(kernel, stride, dilation, causal), case["scale"])
    given = {f"grad_{name}": tensor for name, tensor in zip(INPUTS, inputs, strict=True) if tensor is not None}
    upstream = [torch.from_numpy(load(case["grad_out"]))]
    upstream += [torch.zeros_like(lse) if case["grad_lse"] is None else torch.from_numpy(load(case["grad_lse"]))]
    grads: tuple[Tensor, ...] = torch.autograd.grad([out, lse], list(given.values()), upstream)
    results = {"out": out, "lse": lse} | dict(zip(given, grads, strict=True))
    return {name: tensor.detach().numpy() for name, tensor in results.items()}


def what_is_wrong(found: Sequence[Results | str], cases: Sequence[Case]) -> list[str]:
    """Faults, and results that are not those of the reference."""
    if isinstance(found[0], str) and found[0].startswith("died"):
        return [found[0]]
    said = [compare(results, case) for results, case in zip(found, cases, strict=True)]
    return [f"{case['name']}, {case['dtype']}: {text}" for case, text in zip(cases, said, strict=True) if text]


def compare(results: Results | str, case: Case) -> str:
    """An empty text, or what is wrong."""
    if isinstance(results, str):
        return results
    wrong = []
    for name, right in expected(case).items():
        if name not in results["tensors"]:
            continue
        off = np.abs(load(results[name]) - right).max() / max(0.25, np.abs(right).max())
        if not off <= TOLERANCES[case["dtype"]] * case["loose"]:
            wrong.append(f"{name} is off by {off:.2g}")
    for counts in results["counts"]:
        wrong += [f"{counts[name]} {name}" for name in ("atomics", "unwaited", "conflicts") if counts[name]]
    return ", ".join(wrong)


def make_cases(names: Iterable[str], dtype: str) -> list[Case]:
    """Of CASES."""
    return [make_case(**CASES[name], dtype=dtype, seed=len(name), name=name) for name in names]


def with_outputs(case: Case) -> Case:
    """For libraries without the forward: with what it makes."""
    right = expected(case)
    wide = "float64" if case["dtype"] == "float64" else "float32"
    return case | {"out": store(right["out"], case["dtype"]), "lse": store(right["lse"], wide)}


# Few cases that cross what there is: each value of a setting meets several values of others.
CASES: dict[str, dict[str, Any]] = {
    "one token": {"size": (1,), "kernel": (1,), "dim": 1, "bias": True},
    "a line": {"grad_lse": False, "size": (37,), "kernel": (7,), "heads": 2, "dim": 32, "bias": True, "device": SMALL},
    "a line, all of it": {"size": (70,), "kernel": (70,), "dim": 64, "bias": True, "layout": "gaps"},
    "a line, far": {"size": (61,), "kernel": (5,), "stride": 2, "dilation": 3, "causal": True, "dim": 16, "extra": 1,
                    "layout": "shifted"},
    "a line, wide": {"size": (190,), "kernel": (66,), "dim": 33, "extra": 2, "device": (75, 2, 64 * 1024)},
    "a line in the last axes": {"size": (1, 40), "kernel": (1, 6), "dim": 48, "batch": 2, "bias": True},
    "a line in the first axes": {"size": (19, 1, 1), "kernel": (4, 1, 1), "heads": 3, "dim": 24, "extra": 3},
    "a map": {"size": (9, 11), "kernel": (3, 5), "heads": 2, "dim": 32, "bias": True, "batch": 2, "layout": "gaps"},
    "a map, all of it": {"size": (7, 7), "kernel": (7, 7), "heads": 2, "dim": 32, "bias": True, "device": SMALL},
    "a map in groups": {"size": (14, 15), "kernel": (7, 5), "dilation": (2, 3), "dim": 24, "bias": True,
                        "layout": "odd", "grad_lse": False},
    "a map with leaders": {"size": (12, 13), "kernel": (5, 4), "stride": (3, 4), "heads": 4, "heads_kv": 2, "dim": 64,
                           "dim_v": 32, "extra": 5, "device": (80, 2, 163 * 1024)},
    "a causal map": {"size": (8, 9), "kernel": (3, 4), "causal": (True, False), "extra": 70, "dim": 96, "dim_v": 128,
                     "bias": True},
    "a map of many tiles": {"size": (23, 21), "kernel": (6, 7), "dim": 5, "dim_v": 7, "bias": True, "layout": "odd"},
    "a volume": {"size": (4, 5, 6), "kernel": (3, 3, 3), "dim": 40, "bias": True, "batch": 2, "layout": "shifted"},
    "a volume in tiles": {"size": (11, 5, 3), "kernel": (3, 3, 3), "dim": 16},
    "a volume of everything": {"size": (5, 6, 7), "kernel": (2, 3, 3), "stride": (2, 1, 3), "dilation": (2, 1, 2),
                               "causal": (True, False, True), "heads": 4, "heads_kv": 2, "dim": 16, "dim_v": 24,
                               "extra": 3, "bias": True, "batch": 2, "layout": "gaps"},
    "heads of 128": {"size": (10, 9), "kernel": (5, 5), "dim": 128, "bias": True, "device": (90, 2, 99 * 1024)},
    "one head of keys": {"size": (40,), "kernel": (8,), "heads": 3, "heads_kv": 1, "dim": 128, "layout": "odd"},
    "heads of 200": {"size": (6, 7), "kernel": (3, 3), "dim": 200, "dim_v": 136, "causal": True, "extra": 2,
                     "device": (75, 1, 64 * 1024)},
    "heads of 256": {"size": (9, 8), "kernel": (4, 3), "dim": 256, "bias": True, "stride": 2, "layout": "gaps",
                     "grad_lse": False},
    "more heads of 256": {"size": (30,), "kernel": (3,), "heads": 8, "heads_kv": 4, "dim": 256, "dim_v": 200,
                          "batch": 2, "device": (90, 1, 99 * 1024)},
    "little memory": {"size": (10, 9), "kernel": (9, 9), "heads": 2, "dim": 256, "dim_v": 8, "bias": True,
                      "device": (75, 4, 52480)},
    "values of 256": {"size": (20,), "kernel": (9,), "dim": 8, "dim_v": 256, "dilation": 2, "device": SMALL},
    "many additional tokens": {"size": (3, 4), "kernel": (2, 2), "heads": 2, "dim": 40, "dim_v": 64, "extra": 70},
    "a negative scale": {"grad_lse": False, "scale": -0.4, "heads": 2, "bias": True, "dim": 16},
    "a scale of 0": {"scale": 0.0, "extra": 2, "dim": 16},
    "far apart": {"amplitude": 60.0, "loose": 20.0, "dim": 16, "kernel": (5, 7), "bias": True},
    "hidden by the bias": {"size": (12, 12), "kernel": (9, 9), "hidden": 0.7, "bias": True, "dim": 32, "extra": 1},
    "hidden but for itself": {"size": (90,), "kernel": (80,), "hidden": 1.0, "bias": True, "dim": 8, "stride": 1},
}  # fmt: skip
