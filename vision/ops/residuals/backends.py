"""The backends of residual sums, in order of preference."""

from __future__ import annotations

from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.backends import Backend
from vision.ops.common.tracing import goes_without_operators
from vision.ops.residuals import native, reference

BACKENDS: tuple[Backend[Tensor], ...] = (
    Backend(
        "native",
        "C++ kernels for the CPU",
        native.residual_sums,
        kernels.missing,
        native.why_not,
        unasked=lambda levels: not goes_without_operators(),
    ),
    Backend("reference", "PyTorch on any device", reference.residual_sums, lambda: None, lambda levels: None),
)
