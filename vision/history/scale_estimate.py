"""What is said of an earlier change of size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScaleEstimate:
    """How an image was resampled, as far as its pixels tell.

    Attributes:
        factor: by how much it was enlarged, such as 1.5; None where nothing tells, as after most reductions.
        periodic: whether there are periodic traces of interpolation, also where the factor stays unknown.
        confidence: how strong the traces are, not a probability: 0 without any, 0.5 for the weakest that may give a
            factor, toward 1 for stronger ones.
    """

    factor: float | None
    periodic: bool
    confidence: float
