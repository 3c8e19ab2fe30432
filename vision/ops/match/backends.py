"""The backends of match attention, in order of preference."""

from __future__ import annotations

from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.backends import Backend
from vision.ops.common.tracing import goes_without_operators
from vision.ops.match import native, reference
from vision.ops.match.arguments import Call


def _run_reference(call: Call) -> tuple[Tensor, Tensor | None]:
    out, attn = reference.match_attention(
        call.query, call.key, call.value, call.offset, call.radius_x, call.radius_y, call.scale
    )
    return out, attn if call.need_weights else None


BACKENDS: tuple[Backend[Call], ...] = (
    Backend(
        "native",
        "C++ kernels for the CPU, CUDA kernels for GPUs",
        native.match_attention,
        kernels.missing,
        native.why_not,
        unasked=lambda call: not goes_without_operators(),
    ),
    Backend("reference", "PyTorch on any device", _run_reference, lambda: None, lambda call: None),
)
