"""Native against reference over a few calls of every kind; a program, for the kernels are chosen once per process.

`NBV_SWEEP_LIBRARY` names a build of the kernels to take instead of the installed one.
"""

from __future__ import annotations

import ctypes
import os
import sys
import types
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

CALLS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("na1d", (23,), {"kernel_size": (9,), "dilation": 2, "stride": 3}),
    ("na2d", (11, 14), {"kernel_size": (3, 7), "dilation": (2, 1), "is_causal": (False, True)}),
    ("na2d", (9, 30), {"kernel_size": (5, 13)}),
    ("na3d", (4, 6, 9), {"kernel_size": (3, 4, 5), "stride": (1, 2, 1)}),
]
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9, torch.bfloat16: 0.1, torch.float16: 0.02}


def main() -> None:
    """Compare everything."""
    library = os.environ.get("NBV_SWEEP_LIBRARY")
    if library is not None:
        sys.modules["vision._C"] = types.ModuleType("vision._C")
        torch.ops.load_library(library)
    print(instruction_set(library))
    check_numbers_that_stay()
    check_rounding()
    torch.manual_seed(0)
    for name, shape, window in CALLS:
        for dtype in TOLERANCE:
            for dim, value_dim in ((20, 33), (32, 64)):
                compare(name, shape, window, dtype, dim, value_dim)
    for radius, size in (((0, 0), (3, 5)), ((1, 1), (6, 4)), ((2, 2), (7, 11)), ((2, 1), (4, 9))):
        for dim in (5, 8, 16, 24, 32, 40):
            for dtype in (torch.float32, torch.float64):
                compare_match(radius, size, dtype, dim)
    for height, width in ((6, 6), (7, 19), (16, 8), (21, 131)):
        compare_residuals(height, width)


def instruction_set(library: str | None) -> str:
    """Whose kernels run: the name that the compiled library gives."""
    import vision

    path = library or str(next(Path(vision.__file__).parent.glob("_C.*so")))
    name = ctypes.CDLL(path).nbv_instruction_set
    name.restype = ctypes.c_char_p
    return str(name().decode())


def compare(
    name: str, shape: tuple[int, ...], window: dict[str, Any], dtype: torch.dtype, dim: int, value_dim: int
) -> None:
    """Outputs and all gradients of one call, with grouped heads, bias and additional tokens."""
    from vision import ops

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, dtype=torch.float64).to(dtype).requires_grad_()

    qkv = [draw(2, *shape, 4, dim), draw(2, *shape, 2, dim), draw(2, *shape, 2, value_dim)]
    optional = {
        "bias": draw(4, *(2 * k - 1 for k in window["kernel_size"])),
        "additional_keys": draw(2, 3, 2, dim),
        "additional_values": draw(2, 3, 2, value_dim),
    }
    results = []
    for backend in ("native", "reference"):
        out, lse = getattr(ops, name)(*qkv, **window, **optional, return_lse=True, backend=backend)
        loss = out.double().sum() + lse.double().square().sum()
        results.append([out, lse, *torch.autograd.grad(loss, [*qkv, *optional.values()])])
    for ours, theirs in zip(*results, strict=True):
        atol = TOLERANCE[dtype] * (1 + theirs.abs().max().item())
        torch.testing.assert_close(ours, theirs, rtol=TOLERANCE[dtype], atol=atol)


def check_numbers_that_stay() -> None:
    """A window of one key gives its value, bit for bit, in all channels: those of whole vectors and the rest."""
    from vision.ops import na1d

    half = [2.0**-24, -3 * 2.0**-24, 5.96e-6, -6.1e-5, 6.2e-5, 65504, -65504, torch.inf, torch.nan]
    wide = [1e-40, -9.2e-41, 3e38, -1.2e-38, torch.inf, -torch.inf, torch.nan, 0.0, 1.0]
    for dim in (3, 8, 13, 40):
        place = (torch.arange(9)[:, None] + torch.arange(dim)) % 9
        for dtype, numbers in ((torch.float16, half), (torch.bfloat16, wide)):
            value = torch.tensor(numbers)[place].to(dtype)[None, :, None]
            out = na1d(torch.zeros_like(value), torch.zeros_like(value), value, 1, backend="native")
            torch.testing.assert_close(out, value, atol=0, rtol=0, equal_nan=True)


def check_rounding() -> None:
    """Means of two numbers round to the nearest, to the even one of two, also among the smallest of float16."""
    from vision.ops import na1d

    for dtype, low, unit in (
        (torch.float16, 2.0**-24, 2.0**-24),
        (torch.float16, 3.0, 2.0**-9),
        (torch.bfloat16, -1.5, 2.0**-7),
    ):
        for steps in range(8):
            pair = torch.tensor([low, low + steps * unit]).to(dtype).view(1, 2, 1, 1).expand(1, 2, 1, 11)
            zeros = torch.zeros(1, 2, 1, 11, dtype=dtype)
            exact = torch.full((1, 2, 1, 11), low + steps * unit / 2, dtype=torch.float64)
            out = na1d(zeros, zeros, pair, 2, backend="native")
            torch.testing.assert_close(out, exact.to(dtype), atol=0, rtol=0)


def compare_match(radius: tuple[int, int], size: tuple[int, int], dtype: torch.dtype, dim: int) -> None:
    """Outputs and all gradients of match attention, amid likely and hopeless matches."""
    from vision.ops import match_attention

    tensors = [torch.randn(2, *size, 3, dim, dtype=dtype) for _ in range(3)]
    tensors[0][0] *= 50
    tensors.append(torch.rand(2, *size, 3, 2, dtype=dtype) * (size[1] + 2) - 1)
    results = []
    for backend in ("native", "reference"):
        inputs = [t.clone().requires_grad_() for t in tensors]
        out, attn = match_attention(*inputs, radius, backend=backend)
        results.append([out, attn, *torch.autograd.grad(out.sum() + attn.square().sum(), inputs)])
    for ours, theirs in zip(*results, strict=True):
        atol = 10 * TOLERANCE[dtype] * (1 + theirs.abs().max().item())
        torch.testing.assert_close(ours, theirs, rtol=TOLERANCE[dtype], atol=atol)


def compare_residuals(height: int, width: int) -> None:
    """Sums over the residuals of quarter gray levels, many of which are ties."""
    from vision.ops.residuals import residual_sums

    levels = torch.randint(0, 40, (2, 3, height, width)) / 4
    for ours, theirs in zip(*(residual_sums(levels, backend=name) for name in ("native", "reference")), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


if __name__ == "__main__":
    main()
