"""Neighborhood attention on the device, outputs and all gradients, against the reference in fp64 on the CPU."""

from __future__ import annotations

import math
import random
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tools.gpu_check.record import Record
from vision.analysis.attention_speed import native_missing
from vision.ops import na1d, na2d, na3d

# Of the largest element of what is compared: a few units of the last digit that a dtype holds.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
TF32_TOLERANCE = 3e-3


class Case(NamedTuple):
    """One call; numbers that are not given are ordinary."""

    shape: tuple[int, ...]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | int = 1
    dilation: tuple[int, ...] | int = 1
    is_causal: tuple[bool, ...] | bool = False
    batch: int = 2
    heads: int = 2
    group: int = 1  # queries' heads that share one of the keys'
    dim: int = 32
    value_dim: int | None = None
    bias: bool = False
    additional: int = 0
    layout: str = "contiguous"

    def __str__(self) -> str:
        ordinary = self._field_defaults
        told = {key: value for key, value in self._asdict().items() if ordinary.get(key, ()) != value}
        return " ".join(f"{key}={value}" for key, value in told.items()).replace(", ", ",")

    def window(self) -> dict[str, Any]:
        """Arguments of the public functions."""
        return {key: getattr(self, key) for key in ("kernel_size", "stride", "dilation", "is_causal")}


# Each is there for what stands behind it.
CHOSEN = [
    Case((40,), (7,)),
    Case((300,), (64,), dilation=4, bias=True),  # more tiles than one
    Case((14, 14), (7, 7), dilation=2, bias=True, heads=8),  # DiNAT's third stage
    Case((7, 7), (7, 7), bias=True, heads=16, batch=3),  # its fourth: the window is the map
    Case((28, 28), (7, 7), dilation=4, bias=True, heads=4),
    Case((56, 56), (7, 7), dilation=8, bias=True, batch=1),
    Case((23, 31), (5, 9), stride=(2, 3), dilation=(2, 1)),  # nothing divides anything
    Case((20, 20), (6, 6), is_causal=(True, False)),
    Case((33,), (8,), stride=8, is_causal=True, additional=5),  # blocks
    Case((6, 10, 12), (3, 4, 5), stride=(1, 2, 1), dim=64),
    Case((5, 9, 8), (2, 3, 3), is_causal=(True, False, False), bias=True),
    Case((1, 12), (1, 3), bias=True),  # an axis of one token
    Case((12, 12), (3, 3), heads=6, group=3, dim=24, value_dim=40),
    Case((9, 9), (3, 3), dim=5, value_dim=7),
    Case((16, 16), (5, 5), dim=128, bias=True),
    Case((12, 12), (5, 5), dim=256, value_dim=192),
    Case((12, 14), (3, 5), layout="heads first", additional=3),
    Case((12, 14), (3, 5), layout="strided dims"),
    Case((12, 14), (3, 5), layout="expanded"),
    Case((12, 14), (3, 5), layout="offset", dim=33),  # misaligned
    Case((10, 10), (3, 3), batch=0),
]


def run(record: Record) -> None:
    """Chosen calls in all dtypes, TF32, then random ones until the time is over."""
    dtypes = []
    for dtype in TOLERANCE:
        reason = native_missing(record.device, dtype)
        # Before sm_80 tensor cores lack what the kernels need of them.
        old = record.on_gpu and torch.cuda.get_device_capability(record.device) < (8, 0) and dtype.itemsize == 2
        record.check(f"native kernels for {dtype}", reason is None or old, reason or "")
        dtypes += [dtype] * (reason is None)
    if not dtypes:
        return
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    worst: dict[torch.dtype, float] = {}
    for case in CHOSEN[2::4] if record.quick else CHOSEN:
        for dtype in dtypes:
            check_case(record, case, dtype, worst)
    if record.on_gpu:
        check_tf32(record)
    randomly, seed = 0, 0
    while record.left > 0 and seed < (4 if record.quick else 400):
        case = random_case(random.Random(seed))
        check_case(record, case, dtypes[seed % len(dtypes)], worst, f"random {seed}: ")
        randomly, seed = randomly + 1, seed + 1
    record.note(f"random calls: {randomly}")
    rows = [[str(dtype).removeprefix("torch."), f"{worst[dtype]:.1e}", f"{TOLERANCE[dtype]:.0e}"] for dtype in worst]
    record.table("Largest error of all, relative to the largest element", ["dtype", "error", "allowed"], rows)


def check_case(
    record: Record, case: Case, dtype: torch.dtype, worst: dict[torch.dtype, float], prefix: str = ""
) -> None:
    """One call in one dtype; what is known to be beyond the kernels on this card must be refused in words."""
    name = f"{prefix}{str(dtype).removeprefix('torch.')} {case}"
    with record.checking(name):
        tensors = make_tensors(case, dtype)
        on_device = {key: move(tensor, record.device) for key, tensor in tensors.items()}
        found = results(case, on_device, "native")
        exact = {key: tensor.detach().double().requires_grad_() for key, tensor in tensors.items()}
        expected = results(case, exact, "reference")
        error, where = largest_error(found, expected)
        worst[dtype] = max(worst.get(dtype, 0.0), error)
        record.compare(f"{name} ({where})", error, TOLERANCE[dtype])


def check_tf32(record: Record) -> None:
    """Where torch's own switch allows it, fp32 may have the digits of TF32."""
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        for case in (CHOSEN[2], CHOSEN[14]):
            with record.checking(f"TF32 {case}"):
                tensors = make_tensors(case, torch.float32)
                found = results(case, {key: move(t, record.device) for key, t in tensors.items()}, "native")
                exact = {key: tensor.detach().double().requires_grad_() for key, tensor in tensors.items()}
                error, where = largest_error(found, results(case, exact, "reference"))
                record.compare(f"TF32 {case} ({where})", error, TF32_TOLERANCE)
    finally:
        torch.backends.cuda.matmul.fp32_precision = "ieee"


def make_tensors(case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    """Inputs of a call on the CPU, of random numbers that any dtype holds alike."""
    generator = torch.Generator().manual_seed(0)

    def draw(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator, dtype=torch.float64).to(dtype)

    heads_kv, value_dim = case.heads // case.group, case.value_dim or case.dim
    grid = (case.batch, *case.shape)
    made = {
        "query": draw(*grid, case.heads, case.dim),
        "key": draw(*grid, heads_kv, case.dim),
        "value": draw(*grid, heads_kv, value_dim),
    }
    made = {name: laid_out(tensor, case.layout) for name, tensor in made.items()}
    if case.bias:
        made["bias"] = draw(case.heads, *(2 * k - 1 for k in case.kernel_size))
    if case.additional:
        made["additional_keys"] = draw(case.batch, case.additional, heads_kv, case.dim)
        made["additional_values"] = draw(case.batch, case.additional, heads_kv, value_dim)
    return made


def laid_out(tensor: Tensor, layout: str) -> Tensor:
    """The same shape, another order in memory."""
    if layout == "heads first":
        return tensor.transpose(1, -2).contiguous().transpose(1, -2)
    if layout == "strided dims":
        return tensor.transpose(1, -1).contiguous().transpose(1, -1)
    if layout == "expanded":
        return tensor[:, :1].expand(tensor.shape)
    if layout == "offset":  # begins at an odd element of a larger storage
        return torch.cat([tensor.new_zeros(1), tensor.flatten()])[1:].view(tensor.shape)
    return tensor


def move(tensor: Tensor, device: str) -> Tensor:
    """To a device, with strides and storage offset kept: `Tensor.to` would make some contiguous."""
    extent = 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    if tensor.numel() == 0:
        return tensor.to(device).requires_grad_()
    offset = tensor.storage_offset()
    storage = tensor.as_strided((offset + extent,), (1,), 0).to(device, copy=True)
    return storage.as_strided(tensor.shape, tensor.stride(), offset).detach().requires_grad_()


def results(case: Case, tensors: dict[str, Tensor], backend: str | None) -> dict[str, Tensor]:
    """Output, LSE, and gradients of all tensors for random upstream gradients."""
    function = (na1d, na2d, na3d)[len(case.shape) - 1]
    tensors = {key: tensor if tensor.requires_grad else tensor.requires_grad_() for key, tensor in tensors.items()}
    out, lse = function(**tensors, **case.window(), return_lse=True, backend=backend)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(1)
    upstream = [
        # Rounded to half precision for all dtypes alike: both sides get the same numbers.
        torch.randn(x.shape, generator=generator, dtype=torch.float64).to(torch.bfloat16).to(x.device, x.dtype)
        for x in (out, lse)
    ]
    grads = torch.autograd.grad((out, lse), list(tensors.values()), upstream)
    named = {f"gradient of {name}": grad for name, grad in zip(tensors, grads, strict=True)}
    return {"output": out.detach(), "LSE": lse.detach(), **named}


def largest_error(found: dict[str, Tensor], expected: dict[str, Tensor]) -> tuple[float, str]:
    """Relative to the largest element of each, and whose it is; NaN where one is not finite."""
    worst, where = 0.0, "all equal"
    for name, exact in expected.items():
        if exact.numel() == 0:
            continue
        ours = found[name].cpu().double()
        error = ((ours - exact).abs().max() / (1 + exact.abs().max())).item()
        if math.isnan(error) or error >= worst:
            worst, where = error, name
        if math.isnan(error):
            break
    return worst, where


def random_case(draw: random.Random) -> Case:
    """A call of any kind, of at most some thousand tokens."""
    rank = draw.randint(1, 3)
    longest = {1: 400, 2: 40, 3: 14}[rank]
    axes = []
    for _ in range(rank):
        kernel = draw.randint(1, min(9, longest))
        dilation = draw.randint(1, max(1, min(4, longest // kernel)))
        axes.append((draw.randint(kernel * dilation, longest), kernel, draw.randint(1, kernel), dilation))
    shape, kernel_size, stride, dilation_of = (tuple(column) for column in zip(*axes, strict=True))
    group = draw.choice([1, 1, 2])
    return Case(
        shape,
        kernel_size,
        stride,
        dilation_of,
        tuple(draw.random() < 0.25 for _ in axes),
        draw.randint(1, 3),
        group * draw.randint(1, 3),
        group,
        draw.choice([8, 16, 24, 32, 33, 48, 64, 96, 128]),
        draw.choice([None, None, 16, 20, 64]),
        draw.random() < 0.5,
        draw.choice([0, 0, 1, 7]),
        draw.choice(["contiguous", "heads first", "strided dims", "expanded", "offset"]),
    )
