"""Match attention on the device, output, weights and all gradients, against the reference in fp64 on the CPU."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tools.gpu_check.neighborhood import largest_error
from tools.gpu_check.record import Record
from vision.analysis.match_speed import native_missing
from vision.ops import match_attention

# Distances of many channels are added up; half precision is computed in fp32, and what comes out is rounded.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 5e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
NAMES = ("query", "key", "value", "centers")


class Case(NamedTuple):
    """One call."""

    size: tuple[int, int]
    heads: int
    dim: int
    radius: tuple[int, int]
    batch: int = 2
    amplitude: float = 1.0
    layout: str = "contiguous"

    def __str__(self) -> str:
        told = f"{self.batch} x {self.size[0]} x {self.size[1]} h{self.heads} d{self.dim} radius {self.radius}"
        return told + f" amplitude {self.amplitude:g}" * (self.amplitude != 1) + f" {self.layout}"


CASES = [
    Case((12, 39), 4, 40, (2, 2)),
    Case((24, 78), 4, 32, (2, 2)),
    Case((48, 60), 4, 16, (1, 1)),
    Case((30, 70), 4, 8, (1, 1)),
    Case((4, 6), 1, 1, (1, 1)),  # the map is a window high
    Case((2, 9), 3, 5, (0, 0)),
    Case((9, 14), 2, 33, (2, 1), layout="heads first"),
    Case((17, 11), 1, 64, (1, 3)),
    Case((12, 16), 2, 128, (1, 1), amplitude=30.0),  # hopeless matches
    Case((12, 16), 2, 8, (1, 1), batch=0),
]


def run(record: Record) -> None:
    """All cases in all dtypes, with weights and without."""
    kind = torch.device(record.device).type
    reason = native_missing(record.device)
    record.check(f"native kernels for {kind}", reason is None, reason or "")
    if reason is not None:
        return
    for case in CASES[4:7] if record.quick else CASES:
        for dtype, allowed in TOLERANCE.items():
            if record.left < 0:
                record.note(f"not reached: {case} and those after it")
                return
            name = f"{str(dtype).removeprefix('torch.')} {case}"
            with record.checking(name):
                tensors = make_tensors(case, dtype)
                found = results(case, [t.to(record.device) for t in tensors], "native")
                expected = results(case, [t.double() for t in tensors], "reference")
                error, where = largest_error(found, expected)
                record.compare(f"{name} ({where})", error, allowed * max(1.0, case.amplitude))
                if dtype == torch.float32:
                    check_without_weights(record, case, tensors, found["output"])


def check_without_weights(record: Record, case: Case, tensors: list[Tensor], output: Tensor) -> None:
    """The same output when nobody asks for the weights."""
    query, key, value, centers = (t.to(record.device) for t in tensors)
    out, attn = match_attention(query, key, value, centers, case.radius, need_weights=False, backend="native")
    error, _ = largest_error({"output": out}, {"output": output.cpu().double()})
    record.check(f"without weights {case}", attn is None and error < 1e-6, f"error {error:.1e}")


def make_tensors(case: Case, dtype: torch.dtype) -> list[Tensor]:
    """Query, key, value and centers, some of which lie outside; centers are never in half precision."""
    generator = torch.Generator().manual_seed(0)
    height, width = case.size
    grid = (case.batch, height, width, case.heads)
    qkv = [case.amplitude * torch.randn(*grid, case.dim, generator=generator, dtype=torch.float64) for _ in range(3)]
    centers = torch.rand(*grid, 2, generator=generator, dtype=torch.float64) * torch.tensor([width + 3, height + 3]) - 2
    if case.layout == "heads first":
        qkv = [t.transpose(1, 3).contiguous().transpose(1, 3) for t in qkv]
    # Off whole pixels, where the gradient has a jump that rounding would decide.
    centers = centers.floor() + 0.05 + 0.9 * centers.frac().abs()
    centers_dtype = torch.float64 if dtype == torch.float64 else torch.float32
    return [*(t.to(dtype) for t in qkv), centers.to(centers_dtype)]


def results(case: Case, tensors: list[Tensor], backend: str) -> dict[str, Tensor]:
    """Output, weights, and gradients for random upstream gradients."""
    inputs = [t.detach().requires_grad_() for t in tensors]
    query, key, value, centers = inputs
    out, attn = match_attention(query, key, value, centers, case.radius, backend=backend)
    assert attn is not None
    generator = torch.Generator().manual_seed(1)
    upstream = [
        torch.randn(x.shape, generator=generator, dtype=torch.float64).to(torch.bfloat16).to(x.device, x.dtype)
        for x in (out, attn)
    ]
    grads = torch.autograd.grad((out, attn), inputs, upstream)
    named = {f"gradient of {name}": grad for name, grad in zip(NAMES, grads, strict=True)}
    return {"output": out.detach(), "weights": attn.detach(), **named}
