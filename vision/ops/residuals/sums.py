"""What the residuals of an image add up to, from which `vision.layers.statistics` takes its statistics."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from vision.ops.common.backends import select
from vision.ops.residuals.backends import BACKENDS


class ResidualSums(NamedTuple):
    """Shares and means over the residuals of images `[B, 3, H, W]`.

    Of five kinds, in this order: first differences along x and along y, half of the second differences along x and
    along y, and those taken along both axes.

    Attributes:
        shares: `[B, 5, 8, 125]`, how often three levels 0 to 4 come together, the first counting 25, the second 5. A
            level is a residual over a step, rounded (ties to even) and truncated to +-2. Of each kind: three neighbors
            along its axis (the last kind: along x) in luma by a step of 1, in red - green and in blue - green by 0.7;
            red, green and blue at one place by 1 and by 2.5; then of the last kind alone, neighbors along y.
        means: `[B, 5, 15]`: magnitudes and then squares of luma, red - green, blue - green, red, green, blue; products
            of red and green, green and blue, blue and red.
        lags: `[B, 3, 7]`: of the last kind, products of two places that are (y, x) = (0, 1), (0, 2), (0, 3), (1, 0),
            (2, 0), (3, 0), (1, 1) apart, in luma, red - green and blue - green.
    """

    shares: Tensor
    means: Tensor
    lags: Tensor


def residual_sums(levels: Tensor, *, backend: str | None = None) -> ResidualSums:
    """Shares and means over the residuals of images; they have no gradient.

    Args:
        levels: `[B, 3, H, W]`, RGB in gray levels, float32; sides of at least 6.
        backend: "native" (C++ kernels), "reference" (PyTorch), or None for the fastest that can.

    Raises:
        ValueError: shape, dtype or the name of the backend is wrong.
        RuntimeError: the backend that was named cannot do this call; the message says why.
    """
    if levels.dim() != 4 or levels.shape[1] != 3 or min(levels.shape[2:]) < 6 or not levels.dtype.is_floating_point:
        message = f"levels are {levels.dtype} {tuple(levels.shape)}; expected floats [B, 3, H, W], H and W at least 6"
        raise ValueError(message)
    return ResidualSums(*select(BACKENDS, backend, levels).run(levels))
