"""What is said of an earlier change of size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScaleEstimate:
    """How an image was resampled, as far as its pixels tell.

    Attributes:
        factor: by how much it was enlarged, such as 1.5; None where nothing tells, as after most reductions.
        periodic: whether there are periodic traces of interpolation, also where the factor stays unknown.
        confidence: 0 to 1, one minus the probability that such traces are chance; 0 without any.
    """

    factor: float | None
    periodic: bool
    confidence: float
