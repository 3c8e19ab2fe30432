"""Neighborhood attention through the glue of its CUDA kernels, on the CPU: `emulated_neighborhood_op.py <library>`.

A process of its own, for the library takes the place of the kernels for the CPU.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.modules["vision._C"] = None  # type: ignore[assignment]

from vision.ops import na1d, na2d, na3d  # noqa: E402
from vision.ops.common import kernels  # noqa: E402

FUNCTIONS: dict[int, Any] = {1: na1d, 2: na2d, 3: na3d}
NAMES = ("query", "key", "value", "bias", "additional_keys", "additional_values")
WINDOW = ([3, 3], [1, 1], [1, 1], [0, 0], 0.5)


def main(path: str) -> None:
    for name in ("libc10.so", "libtorch_cpu.so"):  # for those who name no library that they need
        ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name), ctypes.RTLD_GLOBAL)
    torch.ops.load_library(path)
    library = ctypes.CDLL(path)
    library.launched_with_tf32.restype, library.launched_bias.restype = ctypes.c_bool, ctypes.c_float
    kernels._MISSING = None
    torch.manual_seed(0)
    torch.utils.deterministic.fill_uninitialized_memory = True  # new tensors are NaN
    torch.use_deterministic_algorithms(True)
    compare(torch.float64, (7, 6), kernel_size=3, dilation=(2, 1))
    compare(torch.float32, (7, 6), kernel_size=(3, 5), stride=(2, 1), bias=True, extra=2, group=2)
    compare(torch.float32, (9,), kernel_size=4, dilation=2, is_causal=True, bias=True)
    compare(torch.float64, (3, 4, 5), kernel_size=(1, 2, 3), is_causal=(False, True, False), bias=True, extra=0)
    leave_out()
    check_operators()
    check_empty()
    check_bias(library)
    refuse_all()
    on_card(library, 75, lambda: check_tf32(library))
    on_card(library, 75, refuse_half)
    on_card(library, 70, refuse_everything)
    print("equal")


def make_inputs(
    dtype: torch.dtype, shape: tuple[int, ...], bias: tuple[int, ...] | None, extra: int | None, group: int, batch: int
) -> dict[str, Tensor]:
    """Leaves from which the tensors of a call are views; 5 channels for queries and keys, 6 for values."""

    def random(*sizes: int) -> Tensor:
        return torch.randn(sizes, dtype=torch.float64).to(dtype).requires_grad_()

    leaves = {
        "query": random(batch, 2 * group, *shape, 5),  # heads first
        "key": random(batch, *shape, 3, 2, 7),  # one of three, side by side, and channels of more
        "value": random(2, batch, *shape, 6),
    }
    if bias is not None:
        leaves["bias"] = random(*bias[::-1], 2 * group)  # backward
    if extra is not None:
        leaves |= {"additional_keys": random(batch, 2, extra, 5), "additional_values": random(batch, extra, 2, 6)}
    return leaves


def make_views(leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    """Dense in no axis but the last; keys begin at no multiple of 16 bytes."""
    views = dict(leaves)
    views["query"] = leaves["query"].movedim(1, -2)
    views["key"] = leaves["key"][..., 1, :, 1:6]
    views["value"] = leaves["value"].movedim(0, -2)
    if "bias" in leaves:
        views["bias"] = leaves["bias"].permute(*range(leaves["bias"].dim())[::-1])
    if "additional_keys" in leaves:
        views["additional_keys"] = leaves["additional_keys"].transpose(1, 2)
    return views


def compare(
    dtype: torch.dtype,
    shape: tuple[int, ...],
    *,
    kernel_size: int | tuple[int, ...],
    bias: bool = False,
    extra: int | None = None,
    group: int = 1,
    batch: int = 2,
    **window: Any,
) -> None:
    """Output, LSE and all gradients, by the kernels and by the reference."""
    sizes = (kernel_size,) * len(shape) if isinstance(kernel_size, int) else kernel_size
    leaves = make_inputs(dtype, shape, tuple(2 * k - 1 for k in sizes) if bias else None, extra, group, batch)
    results: dict[str, list[Tensor]] = {}
    upstream: list[Tensor] = []
    for backend in ("native", "reference"):
        options = make_views(leaves)
        tensors = [options.pop(name) for name in NAMES[:3]]
        outs = FUNCTIONS[len(shape)](*tensors, kernel_size=sizes, **window, **options, return_lse=True, backend=backend)
        upstream = upstream or [torch.randn(out.shape, dtype=torch.float64).to(out.dtype) for out in outs]
        results[backend] = [*outs, *torch.autograd.grad(outs, list(leaves.values()), upstream)]
    tolerance = 1e-11 if dtype == torch.float64 else 3e-5
    for ours, expected in zip(results["native"], results["reference"], strict=True):
        torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)


def leave_out() -> None:
    """Gradients where only one of the outputs is used: that of the other is expanded zeros."""
    x = torch.randn(1, 6, 2, 4, dtype=torch.float64, requires_grad=True)
    for index in (0, 1):
        grads = []
        for backend in ("native", "reference"):
            out = na1d(x, x, x, 3, return_lse=True, backend=backend)[index]
            grads.append(torch.autograd.grad(out.sum(), x)[0])
        torch.testing.assert_close(*grads)


def check_operators() -> None:
    """What torch's own checks say of the operators, and of what the glue does with tensors."""
    leaves = make_views(make_inputs(torch.float32, (4, 5), (5, 5), 1, 1, 1))
    inputs = [leaves[name].detach() for name in NAMES]
    forward, backward = torch.ops.nbv.neighborhood_attention, torch.ops.nbv.neighborhood_attention_backward
    torch.library.opcheck(forward.default, (*inputs, *WINDOW))
    out, lse = forward(*inputs, *WINDOW)
    grads = (torch.randn_like(out), torch.randn_like(lse).expand_as(lse))
    torch.library.opcheck(backward.default, (*grads, *inputs, out, lse, *WINDOW))


def check_empty() -> None:
    """No elements: empty outputs, and gradients of zeros."""
    x, bias, extra = torch.zeros(0, 4, 5, 2, 3), torch.ones(2, 5, 5), torch.ones(0, 2, 2, 3)
    forward, backward = torch.ops.nbv.neighborhood_attention, torch.ops.nbv.neighborhood_attention_backward
    for query, more in ((x, extra), (torch.zeros(1, 0, 5, 2, 3), torch.ones(1, 2, 2, 3))):
        tensors = (query, query, query, bias, more, more)
        out, lse = forward(*tensors, *WINDOW)
        assert out.shape == query.shape and lse.shape == query.shape[:-1]
        grads = backward(out, lse, *tensors, out, lse, *WINDOW)
        for grad, tensor in zip(grads, tensors, strict=True):
            assert grad.shape == tensor.shape and not grad.any()
        absent = backward(out, lse, *[query] * 3, *[None] * 3, out, lse, *WINDOW)[3:]
        assert [grad.shape for grad in absent] == [(0,)] * 3


def check_tf32(library: Any) -> None:
    """The flag goes to the kernels for float32 alone, and is kept for the backward pass."""
    x = torch.randn(1, 4, 5, 1, 4, requires_grad=True)
    for dtype, flag, expected in (
        (torch.float32, (True,), True),
        (torch.float32, (False,), False),
        (torch.float32, (), False),
        (torch.float64, (True,), False),
    ):
        query = x.to(dtype)
        out, _ = torch.ops.nbv.neighborhood_attention(query, query, query, None, None, None, *WINDOW, *flag)
        assert library.launched_with_tf32() == expected, (dtype, flag)
        library.forget_launch()
        out.sum().backward()
        assert library.launched_with_tf32() == expected, (dtype, flag)


def check_bias(library: Any) -> None:
    """Whatever its dtype and strides, the kernels get it in float32, side by side."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        x = torch.randn(1, 4, 5, 2, 4, requires_grad=True).to(dtype)
        bias = torch.randn(5, 5, 2, requires_grad=True).to(dtype).movedim(-1, 0)
        library.forget_launch()
        out, lse = torch.ops.nbv.neighborhood_attention(x, x, x, bias, None, None, *WINDOW)
        assert out.dtype == dtype and lse.dtype == torch.float32
        for _ in range(2):
            count = library.count_launched_bias()
            assert [library.launched_bias(i) for i in range(count)] == bias.flatten().tolist()
            library.forget_launch()
            grads = torch.autograd.grad(out, (x, bias), torch.ones_like(out), retain_graph=True)
            assert {grad.dtype for grad in grads} == {dtype}


def refuse_all() -> None:
    """Every mistake that only the glue can see, for nothing before it looks."""
    x, extra = torch.zeros(1, 4, 5, 2, 3), torch.zeros(1, 2, 2, 3)
    one = torch.zeros(1)
    many = one.as_strided((2**20, 2**6, 2**4, 2, 1), (0,) * 5)  # of one element, but 2^31 queries
    long = one.as_strided((1, 2**30, 1), (0,) * 3)[:, :, None]
    high = one.as_strided((1, 2**19 + 2**8, 2**11, 1, 1), (0,) * 5)  # few enough queries, but of long rows
    wide = torch.zeros(1, 4, 5, 2, 257)
    ones = ([1], [1], [1], [0], 1.0)
    for tensors, numbers, words in (
        ((x[0, 0], x, x), WINDOW, "query must have 4 to 6 axes, [batch, 1 to 3 spatial axes, heads, dim], got 3"),
        ((x, x[0], x), WINDOW, "key and value must have the 5 axes of query, got 4 and 5"),
        ((x.int(),) * 3, WINDOW, "query must be float32, float64, bfloat16 or float16, got Int"),
        ((x, x.half(), x), WINDOW, "key must have the dtype of query, Float, got Half"),
        ((x, x[:, :3], x), WINDOW, "key must have size 4 along axis 1, got 3"),
        ((x, x, x[..., :1, :]), WINDOW, "value must have size 2 along axis 3, got 1"),
        ((x[..., :1, :], x, x), WINDOW, "the heads of key must divide the 1 of query, got 2"),
        ((x, x[..., :0, :], x), WINDOW, "the number of key's heads must be from 1 to 2147483647, got 0"),
        ((wide, wide, wide), WINDOW, "the head dim must be from 1 to 256, got 257"),
        ((x, x, wide), WINDOW, "the head dim of value must be from 1 to 256, got 257"),
        ((x[..., :0],) * 3, WINDOW, "the head dim must be from 1 to 256, got 0"),
        ((x.mT.contiguous().mT, x, x), WINDOW, "the last axis of query must be dense, got a stride of 2"),
        ((many, many, many), WINDOW, f"query must have at most 2^31 - 1 tokens times heads, got {2**31}"),
        ((long, long, long), ones, f"a spatial size must be from 0 to {2**30 - 1}, got {2**30}"),
        ((x, x, x), ([3], *WINDOW[1:]), "the window must have 2 numbers of each kind, got 1"),
        ((x, x, x), ([3, 6], *WINDOW[1:]), "a kernel size must be from 1 to 5, got 6"),
        ((x, x, x), ([3, 0], *WINDOW[1:]), "a kernel size must be from 1 to 5, got 0"),
        ((x, x, x), ([3, 3], [1, 4], *WINDOW[2:]), "a stride must be from 1 to 3, got 4"),
        ((x, x, x), ([3, 3], [1, 1], [2, 1], *WINDOW[3:]), "a dilation must be from 1 to 1, got 2"),
        ((x, x, x, torch.zeros(2, 5, 4)), WINDOW, "bias must have size 5 along axis 2, got 4"),
        (
            (high, high, high, torch.zeros(1, 1, 2**12 - 1)),
            ([1, 2**11], [1, 1], [1, 1], [0, 0], 1.0),
            "a bias of this kernel size would have over 2^31 - 1 places on this map",
        ),
        ((x, x, x, torch.zeros(2, 5)), WINDOW, "bias must have 3 axes, [heads, 2 kernel size - 1, ...], got 2"),
        ((x, x, x, torch.zeros(2, 5, 5).double()), WINDOW, "bias must have the dtype of query, Float, got Double"),
        ((x, x, x, None, extra), WINDOW, "additional keys and values come together"),
        ((x, x, x, None, extra, extra[:, :1]), WINDOW, "additional_values must have size 2 along axis 1, got 1"),
        ((x, x, x, None, extra[0], extra), WINDOW, "additional_keys must have 4 axes, [batch, tokens, heads, dim]"),
    ):
        given = (*tensors, *[None] * (6 - len(tensors)))
        refuse(words, torch.ops.nbv.neighborhood_attention, *given, *numbers)
    out, lse = x, x[..., 0]
    for arguments, words in (
        ((out[:, 1:], lse, out, lse), "the gradient of the output must have size 4 along axis 1, got 3"),
        ((out, lse.double(), out, lse), "the gradient of lse must be Float, got Double"),
        ((out, lse, out[..., 1:], lse), "the output must have size 3 along axis 4, got 2"),
        ((out, lse, out, lse[..., 1:]), "lse must have size 2 along axis 3, got 1"),
    ):
        grads, saved = arguments[:2], arguments[2:]
        backward = torch.ops.nbv.neighborhood_attention_backward
        refuse(words, backward, *grads, x, x, x, None, None, None, *saved, *WINDOW)


def on_card(library: Any, architecture: int, work: Callable[[], object]) -> None:
    """In a thread of its own: each keeps what it knows of a card."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    library.set_architecture(architecture)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    library.set_architecture(90)
    if failed:
        raise failed[0]


def refuse_half() -> None:
    attend = torch.ops.nbv.neighborhood_attention
    for dtype in (torch.float16, torch.bfloat16):
        x = torch.zeros(1, 4, 5, 1, 4, dtype=dtype)
        words = "half precision needs compute capability 8.0, this card has 7.5"
        refuse(words, attend, x, x, x, None, None, None, *WINDOW)
    x = torch.zeros(1, 4, 5, 1, 4)
    attend(x, x, x, None, None, None, *WINDOW)


def refuse_everything() -> None:
    x = torch.zeros(1, 4, 5, 1, 4)
    out, lse = x, x[..., 0]
    none, words = [None] * 3, "it needs compute capability 7.5, this card has 7.0"
    refuse(words, torch.ops.nbv.neighborhood_attention, x, x, x, *none, *WINDOW)
    refuse(words, torch.ops.nbv.neighborhood_attention_backward, out, lse, x, x, x, *none, out, lse, *WINDOW)


def refuse(words: str, operator: Any, *arguments: Any) -> None:
    try:
        operator(*arguments)
    except RuntimeError as error:
        assert f"neighborhood_attention on CUDA: {words}" in str(error), f"{error}\nbut not: {words}"
    else:
        raise AssertionError(f"no error: {words}")


if __name__ == "__main__":
    main(sys.argv[1])
