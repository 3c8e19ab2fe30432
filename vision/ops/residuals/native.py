"""The operator `nbv::residual_sums`: schema and shapes. Its kernel is C++, in `csrc/cpu/residuals`, for float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.registration import define

MAX_PIXELS = 2**32 - 1  # of an image: the kernel counts them in 32 bits


def residual_sums(levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `reference.residual_sums`."""
    return _SUMS(levels.detach().contiguous())


def why_not(levels: Tensor) -> str | None:
    """Why the kernel cannot do `levels`, or None."""
    if levels.dtype != torch.float32:
        return f"levels in float32, not {levels.dtype}"
    if levels.shape[2] * levels.shape[3] > MAX_PIXELS:
        return f"images of at most {MAX_PIXELS:,} pixels"
    return kernels.why_not(levels.device)


def _shapes(levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    batch = levels.shape[0]
    return levels.new_empty(batch, 5, 8, 125), levels.new_empty(batch, 5, 15), levels.new_empty(batch, 3, 7)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)


def _gradient(ctx: Any, *grads: Tensor) -> tuple[None]:
    raise RuntimeError("nbv::residual_sums has no gradient; detach the levels")


_SUMS = define(
    "residual_sums(Tensor levels) -> (Tensor, Tensor, Tensor)",
    shapes=_shapes,
    save=_save,
    gradient=_gradient,
)
