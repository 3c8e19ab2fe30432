"""Match attention's kernels under the emulator: `emulated_match.py <library> <cases> <results>`, both files pickled.

A process of its own, without torch: for AddressSanitizer to be loaded first, and for kernels that go astray.
"""

from __future__ import annotations

import ctypes
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

Case = dict[str, Any]
TENSORS = ("query", "key", "value", "offset", "grad_out", "grad_attn")


class View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), *((name, ctypes.c_int64) for name in ("batch", "y", "x", "head"))]


class Arguments(ctypes.Structure):
    """MatchCudaArgs of csrc/cuda/match/args.h."""

    _fields_ = [
        ("is_double", ctypes.c_bool),
        ("need_weights", ctypes.c_bool),
        *((name, ctypes.c_int64) for name in ("batch", "height", "width", "heads", "dim", "radius_x", "radius_y")),
        ("scale", ctypes.c_double),
        *((name, View) for name in TENSORS[:4]),
        *((name, ctypes.c_void_p) for name in ("out", "attn")),
        *((name, View) for name in TENSORS[4:]),
        *((f"grad_{name}", ctypes.c_void_p) for name in TENSORS[:4]),
        ("scratch", ctypes.c_void_p),
    ]


def main(library: str, cases: str, results: str) -> None:
    kernels = ctypes.CDLL(library)
    for name in ("match_forward", "match_backward"):
        getattr(kernels, name).restype = ctypes.c_char_p
    for name in ("match_backward_scratch", "match_args_bytes"):
        getattr(kernels, name).restype = ctypes.c_int64
    assert kernels.match_args_bytes() == ctypes.sizeof(Arguments)
    found = [run(kernels, case) for case in pickle.loads(Path(cases).read_bytes())]
    Path(results).write_bytes(pickle.dumps(found))


def run(kernels: ctypes.CDLL, case: Case) -> dict[str, np.ndarray] | str:
    """Outputs and gradients by name, or the fault."""
    query = case["query"]
    batch, height, width, heads, dim = query.shape
    radius_x, radius_y = case["radius"]
    numbers = (query.dtype == np.float64, case["need_weights"], batch, height, width, heads, dim, radius_x, radius_y)
    arguments = Arguments(*numbers, case["scale"])
    held = [laid_out(case[name], case["layout"]) for name in TENSORS]
    for name, array in zip(TENSORS, held, strict=True):
        if array is not None:
            strides = [step // array.itemsize for step in array.strides[:4]]
            setattr(arguments, name, View(array.ctypes.data, *strides))
    outputs = {"out": np.empty_like(query, order="C")}
    if case["need_weights"]:
        slots = (2 * radius_x + 2) * (2 * radius_y + 2)
        outputs["attn"] = np.empty((*query.shape[:-1], slots), query.dtype)
    outputs |= {f"grad_{name}": np.empty_like(case[name], order="C") for name in TENSORS[:4]}
    for name, array in outputs.items():
        array.fill(np.nan)
        setattr(arguments, name, array.ctypes.data)
    scratch = np.full(kernels.match_backward_scratch(ctypes.byref(arguments)), 0xFF, np.uint8)
    arguments.scratch = scratch.ctypes.data
    for kernel in (kernels.match_forward, kernels.match_backward):
        said = kernel(ctypes.byref(arguments)).decode()
        if said:
            return said
    return outputs


def laid_out(array: np.ndarray | None, layout: tuple[int, ...] | None) -> np.ndarray | None:
    """A copy whose axes, but for the last, lie in memory in the order of `layout`, with one token unused per axis."""
    if array is None or layout is None:
        return array
    axes = (*layout, 4)
    padded = np.full([array.shape[axis] + (axis < 4) for axis in axes], np.nan, array.dtype)
    view = padded.transpose(np.argsort(axes))[tuple(slice(0, size) for size in array.shape)]
    view[...] = array
    return view


if __name__ == "__main__":
    main(*sys.argv[1:])
