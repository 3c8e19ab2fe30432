"""Neighborhood attention's kernels under the emulator: `emulated_neighborhood.py <library> <cases> <results>`.

Both files are pickled. A process of its own, without torch: for AddressSanitizer to be loaded first, and for kernels
that go astray.
"""

from __future__ import annotations

import ctypes
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

Case = dict[str, Any]
LIBC = ctypes.CDLL(None)
TYPES = ("float32", "float64", "bfloat16", "float16")  # CudaType; tf32 is float32
INPUTS = ("query", "key", "value", "extra_key", "extra_value")
FORWARD, QUERIES, KEYS, EXTRA = 1, 2, 4, 8  # passes that a library may have, and what they make
PARTS = {"out": FORWARD, "lse": FORWARD, "grad_query": QUERIES, "grad_bias": QUERIES, "grad_key": KEYS}
PARTS |= {"grad_value": KEYS, "grad_extra_key": EXTRA, "grad_extra_value": EXTRA}
COUNTS = ("atomics", "unwaited", "conflicts", "tiles")


class Axis(ctypes.Structure):
    _fields_ = [*((name, ctypes.c_int32) for name in ("length", "kernel", "stride", "dilation"))]
    _fields_ += [("causal", ctypes.c_bool)]


class View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("batch", ctypes.c_int64)]
    _fields_ += [("axis", ctypes.c_int64 * 3), ("head", ctypes.c_int64)]


class Arguments(ctypes.Structure):
    """NeighborhoodCudaArgs of csrc/cuda/neighborhood/args.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("tf32", ctypes.c_bool),
        ("axis", Axis * 3),
        *((name, ctypes.c_int32) for name in ("batch", "heads", "heads_kv", "dim", "dim_v", "extra")),
        ("scale", ctypes.c_double),
        *((name, View) for name in INPUTS),
        *((name, ctypes.c_void_p) for name in ("bias", "out", "lse")),
        *((name, View) for name in ("out_view", "grad_out")),
        ("grad_lse", ctypes.c_void_p),
        *((f"grad_{name}", ctypes.c_void_p) for name in (*INPUTS, "bias")),
        ("scratch", ctypes.c_void_p),
    ]


class Device(ctypes.Structure):
    _fields_ = [("architecture", ctypes.c_int32), ("multiprocessors", ctypes.c_int32), ("shared", ctypes.c_int64)]


class Counts(ctypes.Structure):
    """Of what the kernels of a pass did: those of neighborhood.cpp."""

    _fields_ = [(name, ctypes.c_int64) for name in COUNTS]


def main(library: str, cases: str, results: str) -> None:
    kernels = ctypes.CDLL(library)
    for name in ("forward", "backward", "path"):
        getattr(kernels, f"neighborhood_{name}").restype = ctypes.c_char_p
    for name in ("scratch", "args_bytes", "parts"):
        getattr(kernels, f"neighborhood_{name}").restype = ctypes.c_int64
    assert kernels.neighborhood_args_bytes() == ctypes.sizeof(Arguments)
    found = [run(kernels, case) for case in pickle.loads(Path(cases).read_bytes())]
    Path(results).write_bytes(pickle.dumps(found))


def run(kernels: ctypes.CDLL, case: Case) -> dict[str, Any] | str:
    """Outputs and gradients by name, these names as "tensors", and "counts" of both passes; or the fault."""
    arguments, device, parts = make_arguments(case), Device(*case["device"]), kernels.neighborhood_parts()
    assert kernels.neighborhood_path(ctypes.byref(arguments), ctypes.byref(device)) == b"this", "not the plan's path"
    results = point_outputs(arguments, case)
    counts = Counts(), Counts()
    if parts & FORWARD:
        said = kernels.neighborhood_forward(*map(ctypes.byref, (arguments, device, counts[0])))
        if said:
            return f"forward: {said.decode()}"
    else:
        results["out"][...], results["lse"][...] = case["out"], case["lse"]
    if parts != FORWARD:
        arguments.out, arguments.out_view = None, view_of(laid_out(results["out"], case["layout"]))
        size = kernels.neighborhood_scratch(ctypes.byref(arguments), ctypes.byref(device))
        arguments.scratch = poisoned((size,), np.uint8).ctypes.data
        said = kernels.neighborhood_backward(*map(ctypes.byref, (arguments, device, counts[1])))
        if said:
            return f"backward: {said.decode()}"
    results = {name: array for name, array in results.items() if parts & PARTS[name]}
    return results | {
        "tensors": [*results],
        "counts": [{name: getattr(one, name) for name in COUNTS} for one in counts],
    }


def make_arguments(case: Case) -> Arguments:
    """Numbers and inputs."""
    dtype, shape = case["dtype"], case["query"].shape
    axes = [Axis(*numbers) for numbers in case["axes"]]
    axes = [Axis(1, 1, 1, 1, False)] * (3 - len(axes)) + axes
    extra = 0 if case["extra_key"] is None else case["extra_key"].shape[1]
    sizes = (shape[0], shape[-2], case["key"].shape[-2], shape[-1], case["value"].shape[-1], extra)
    tf32 = dtype == "tf32"
    numbers = (TYPES.index("float32" if tf32 else dtype), tf32, (Axis * 3)(*axes), *sizes, case["scale"])
    arguments = Arguments(*numbers)
    for name in (*INPUTS, "grad_out"):
        setattr(arguments, name, view_of(laid_out(case[name], case["layout"])))
    for name in ("bias", "grad_lse"):
        setattr(arguments, name, None if case[name] is None else case[name].ctypes.data)
    return arguments


def point_outputs(arguments: Arguments, case: Case) -> dict[str, np.ndarray]:
    """Arrays for all results, to which the arguments point from now on."""
    query = case["query"]
    wide = np.float64 if case["dtype"] == "float64" else np.float32
    results = {"out": poisoned(case["grad_out"].shape, query.dtype), "lse": poisoned(query.shape[:-1], wide)}
    for name in (*INPUTS, "bias"):
        if case[name] is not None:
            results[f"grad_{name}"] = poisoned(case[name].shape, query.dtype)
    for name, array in results.items():
        setattr(arguments, name, array.ctypes.data)
    return results


def poisoned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of NaN, aligned as device memory is; AddressSanitizer knows its end to the byte. It is never freed."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = ctypes.c_void_p()
    assert LIBC.posix_memalign(ctypes.byref(memory), ctypes.c_size_t(256), ctypes.c_size_t(max(size, 1))) == 0
    data = np.frombuffer((ctypes.c_uint8 * size).from_address(memory.value), np.uint8)
    data.fill(0xFF)
    return data.view(dtype).reshape(shape)


def view_of(array: np.ndarray | None) -> View:
    """Of `[batch, *spatial, heads, channels]`."""
    if array is None:
        return View()
    assert array.strides[-1] == array.itemsize
    steps = [step // array.itemsize for step in array.strides]
    axes = [0] * (6 - array.ndim) + steps[1:-2]
    return View(array.ctypes.data, steps[0], (ctypes.c_int64 * 3)(*axes), steps[-2])


def laid_out(array: np.ndarray | None, layout: str) -> np.ndarray | None:
    """A copy, among NaN.

    "dense"; "gaps": axes but the last in reverse order in memory, one unused token along each; "odd": also one unused
    channel, so that few rows begin at multiples of 16 bytes; "shifted": dense, from an element on.
    """
    if array is None:
        return array
    if layout == "shifted":
        copy = poisoned((array.size + 1,), array.dtype)[1:].reshape(array.shape)
    elif layout == "dense":
        copy = poisoned(array.shape, array.dtype)
    else:
        *sizes, channels = array.shape
        padded = poisoned((*(size + 1 for size in sizes[::-1]), channels + (layout == "odd")), array.dtype)
        view = padded.transpose(*range(len(sizes))[::-1], len(sizes))
        copy = view[tuple(slice(size) for size in array.shape)]
    copy[...] = array
    return copy


if __name__ == "__main__":
    main(*sys.argv[1:])
