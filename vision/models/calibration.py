"""From a logit to a probability and a verdict (temperature scaling, Guo et al., arXiv 1706.04599)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Calibration:
    """What held-out data taught about a detector's logits.

    Attributes:
        temperature: logits are divided by it.
        offset: logit at which both classes are equally likely.
        low: probabilities below it mean "real".
        high: probabilities from it on mean "ai-generated"; between the two the verdict is "inconclusive".
        fpr_thresholds: false-positive rate (as text, e.g. "0.05") -> probability above which that share of held-out
            real photographs lies.
    """

    temperature: float = 1.0
    offset: float = 0.0
    low: float = 0.5
    high: float = 0.5
    fpr_thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"thresholds must satisfy 0 <= low <= high <= 1, got low={self.low}, high={self.high}")

    def probability(self, logit: float) -> float:
        """Calibrated probability that the image is generated."""
        z = (logit - self.offset) / self.temperature
        if z >= 0:
            return 1 / (1 + math.exp(-z))
        return math.exp(z) / (1 + math.exp(z))

    def threshold_at(self, fpr: float) -> float:
        """Probability threshold of a false-positive rate, interpolated between the calibrated ones.

        Raises:
            ValueError: the rate lies outside what was calibrated.
        """
        table = sorted((float(rate), threshold) for rate, threshold in self.fpr_thresholds.items())
        if not table:
            raise ValueError(
                "this checkpoint carries no false-positive calibration; give a probability threshold instead"
            )
        if not table[0][0] <= fpr <= table[-1][0]:
            raise ValueError(
                f"false-positive rate {fpr:g} is outside the calibrated range {table[0][0]:g} to {table[-1][0]:g}"
            )
        for (rate0, threshold0), (rate1, threshold1) in itertools.pairwise(table):
            if rate0 <= fpr <= rate1:
                return threshold0 + (threshold1 - threshold0) * (fpr - rate0) / (rate1 - rate0)
        return table[0][1]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, the inverse of `Calibration(**d)`."""
        return {**asdict(self), "fpr_thresholds": dict(self.fpr_thresholds)}
