"""The backends of residual sums, in order of preference."""

from __future__ import annotations

import torch
from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.backends import Backend
from vision.ops.residuals import native, reference


def _is_exporting() -> bool:
    """Exported programs run where our operators are not."""
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()


BACKENDS: tuple[Backend[Tensor], ...] = (
    Backend(
        "native",
        "C++ kernels for the CPU",
        native.residual_sums,
        kernels.missing,
        native.why_not,
        unasked=lambda levels: not _is_exporting(),
    ),
    Backend("reference", "PyTorch on any device", reference.residual_sums, lambda: None, lambda levels: None),
)
