"""The backends of neighborhood attention, in order of preference."""

from __future__ import annotations

from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.backends import Backend
from vision.ops.neighborhood import flex, native, natten, reference
from vision.ops.neighborhood.arguments import Call


def _run_reference(call: Call) -> tuple[Tensor, Tensor]:
    return reference.neighborhood_attention(*call.tensors, window=call.window, scale=call.scale)


BACKENDS: tuple[Backend[Call], ...] = (
    Backend(
        "native",
        "C++ kernels for the CPU, CUDA kernels for GPUs",
        native.neighborhood_attention,
        kernels.missing,
        native.why_not,
    ),
    Backend("natten", "NATTEN's CUDA kernels", natten.neighborhood_attention, natten.missing, natten.why_not),
    # Eager, as on the CPU, it holds the logits of all pairs of tokens; compiled it is the fastest portable GPU code.
    Backend(
        "flex",
        "torch FlexAttention, compiled on GPUs",
        flex.neighborhood_attention,
        flex.missing,
        flex.why_not,
        unasked=lambda call: call.query.device.type == "cuda",
    ),
    Backend("reference", "PyTorch on any device", _run_reference, lambda: None, lambda call: None),
)
