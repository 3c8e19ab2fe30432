"""The kernels of every instruction set give what the reference gives; NBV_ISA chooses among those that the machine has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SWEEP = """
import torch
from vision.ops import na1d, na2d, na3d

torch.manual_seed(0)
cases = [
    (na1d, (23,), dict(kernel_size=9, dilation=2, stride=3)),
    (na2d, (11, 14), dict(kernel_size=(3, 7), dilation=(2, 1), is_causal=(False, True))),
    (na2d, (9, 30), dict(kernel_size=(5, 13))),
    (na3d, (4, 6, 9), dict(kernel_size=(3, 4, 5), stride=(1, 2, 1))),
]
for function, shape, window in cases:
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        for dim, value_dim in ((20, 33), (32, 64)):
            rank = len(shape)
            sizes = window["kernel_size"] if isinstance(window["kernel_size"], tuple) else (window["kernel_size"],) * rank
            draw = lambda *size: torch.randn(*size, dtype=torch.float64).to(dtype).requires_grad_()
            inputs = [draw(2, *shape, 4, dim), draw(2, *shape, 2, dim), draw(2, *shape, 2, value_dim)]
            extra = [draw(2, 3, 2, dim), draw(2, 3, 2, value_dim)]
            bias = draw(4, *(2 * k - 1 for k in sizes))
            everything = [*inputs, *extra, bias]
            results = []
            for backend in ("native", "reference"):
                out, lse = function(*inputs, **window, bias=bias, additional_keys=extra[0], additional_values=extra[1],
                                    return_lse=True, backend=backend)
                grads = torch.autograd.grad(out.double().sum() + lse.double().square().sum(), everything)
                results.append([out, lse, *grads])
            tolerance = {torch.float32: 1e-4, torch.float64: 1e-9, torch.bfloat16: 0.1, torch.float16: 0.02}[dtype]
            for ours, theirs in zip(*results):
                torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * (1 + theirs.abs().max().item()))
"""


@pytest.mark.parametrize("name", ["portable", "avx2", "avx512"])
def test_agrees_with_the_reference(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SWEEP], env={**os.environ, "NBV_ISA": name}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
