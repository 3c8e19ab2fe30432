"""Match attention through the glue of its CUDA kernels, on the CPU: `emulated_op.py <library>`.

A process of its own, for the library takes the place of the kernels for the CPU.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.modules["vision._C"] = None  # type: ignore[assignment]

from vision.ops import match_attention  # noqa: E402
from vision.ops.common import kernels  # noqa: E402


def main(library: str) -> None:
    for name in ("libc10.so", "libtorch_cpu.so"):  # for those who name no library that they need
        ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name), ctypes.RTLD_GLOBAL)
    torch.ops.load_library(library)
    kernels._MISSING = None
    torch.manual_seed(0)
    torch.utils.deterministic.fill_uninitialized_memory = True  # new tensors are NaN
    torch.use_deterministic_algorithms(True)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-5), (torch.float16, 2e-2)):
        compare(dtype, tolerance, (1, 2), need_weights=True)
    compare(torch.float64, 1e-12, (0, 1), need_weights=False)
    compare(torch.float32, 2e-5, (1, 1), need_weights=True, batch=0)
    refuse_all()
    print("equal")


def compare(dtype: torch.dtype, tolerance: float, radius: tuple[int, int], need_weights: bool, batch: int = 2) -> None:
    """Outputs and gradients of views that are dense in no axis but the last."""
    packed = torch.randn(batch, 3, 2, 7, 6, 5, dtype=torch.float64).to(dtype)  # [B, qkv, heads, H, W, dim]
    centers = (torch.rand(batch, 2, 6, 7, 2, dtype=torch.float64) * 9 - 1).to(packed.dtype)
    results: dict[str, list[Tensor]] = {}
    for backend in ("native", "reference"):
        leaves = [packed.clone().requires_grad_(), centers.clone().requires_grad_()]
        query, key, value = (leaves[0][:, i].permute(0, 2, 3, 1, 4) for i in range(3))
        offset = leaves[1].permute(0, 3, 2, 1, 4)
        out, attn = match_attention(query, key, value, offset, radius, need_weights=need_weights, backend=backend)
        loss = (out.double() ** 2).sum() + (0 if attn is None else (attn.double() ** 3).sum())
        loss.backward()
        results[backend] = [out, *([] if attn is None else [attn]), *(leaf.grad for leaf in leaves)]  # type: ignore[list-item]
    for ours, expected in zip(results["native"], results["reference"], strict=True):
        torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)


def refuse_all() -> None:
    """Every mistake that only the glue can see, for nothing before it looks."""
    x, offset = torch.zeros(1, 4, 5, 2, 3), torch.zeros(1, 4, 5, 2, 2)
    one = torch.zeros(64)
    wide = one.as_strided((2**20, 4, 5, 2, 64), (0, 0, 0, 0, 1))  # of 64 elements, but its output would be of 2^31
    centers = one.as_strided((2**20, 4, 5, 2, 2), (0, 0, 0, 0, 1))
    for arguments, words in (
        ((x, x[:, :3], x, offset, 1, 1), "key must have size 4 along axis 1, got 3"),
        ((x, x.double(), x, offset, 1, 1), "key must have the dtype of query, float32 or float64, got Double"),
        ((x.half(),) * 3 + (offset, 1, 1), "query must have the dtype of query, float32 or float64, got Half"),
        ((x, x, x[0], offset, 1, 1), "value must have 5 axes, [batch, y, x, heads, ...], got 4"),
        ((x, x, x, offset[..., :1], 1, 1), "offset must have size 2 along axis 4, got 1"),
        ((x.mT.contiguous().mT, x, x, offset, 1, 1), "the last axis of query must be dense, got a stride of 2"),
        ((x, x, x, offset, 15, 16), "a window must have from 4 to 1024 pixels, got radius (15, 16)"),
        ((x, x, x, offset, 1, 2), "the map must be at least 2 radius + 2 pixels along each axis, got 5 x 4"),
        ((wide, wide, wide, centers, 1, 1), f"the output must have at most 2^31 - 1 elements, got {2**20 * 40 * 64}"),
    ):
        refuse(words, *arguments)


def refuse(words: str, *arguments: Any) -> None:
    try:
        torch.ops.nbv.match_attention(*arguments, 0.5, True)
    except RuntimeError as error:
        assert f"match_attention on CUDA: {words}" in str(error), f"{error}\nbut not: {words}"
    else:
        raise AssertionError(f"no error: {words}")


if __name__ == "__main__":
    main(sys.argv[1])
