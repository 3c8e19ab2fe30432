"""Memory that the backward pass takes beside its results."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from vision.ops import na2d
from vision.ops.common import kernels

pytestmark = [
    pytest.mark.skipif(kernels.missing() is not None, reason="the operator has no kernels here"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


def peak_mib() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def peak_of_backward(side: int, dilation: int, extra: int) -> float:
    """MiB, results among them: six where the side is 64."""
    tensors = [torch.randn(1, side, side, 4, 32, requires_grad=True) for _ in range(3)]
    more = [torch.randn(1, extra, 4, 32) for _ in range(2)]
    out = na2d(*tensors, 7, dilation=dilation, additional_keys=more[0], additional_values=more[1], backend="native")
    upstream = torch.ones_like(out)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before = peak_mib()
    torch.autograd.grad(out, tensors, upstream)
    return peak_mib() - before


def test_many_groups_with_additional_tokens_take_little() -> None:
    """81 residue groups of 4 heads share sums of 512 additional tokens: one for each took 52 MiB in all."""
    peak_of_backward(16, dilation=1, extra=8)  # what the first call of a process takes
    assert peak_of_backward(64, dilation=9, extra=512) < 30
