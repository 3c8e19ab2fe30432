"""Probabilities and verdicts of AI-image detectors from their logits (temperature scaling, arXiv 1706.04599).

Calibrations of cameras are in `vision.geometry`.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vision.errors import UsageError


@dataclass(frozen=True)
class ForgeryCalibration:
    """What held-out data taught about a detector's logits.

    Attributes:
        temperature: logits are divided by it.
        offset: logit at which both classes are equally likely.
        low: probabilities below it mean "real".
        high: probabilities from it on mean "ai-generated"; between the two the verdict is "inconclusive".
        fpr_thresholds: false-positive rate (as text, e.g. "0.05") -> probability above which that share of held-out
            real photographs lies.
        by_quality: what holds in place of the above for JPEG files up to a quality: `{"max_quality": 60, "temperature":
            ..., "offset": ..., "low": ..., "high": ...}`; of several that reach that far, the one that reaches least.
        by_scale: the same for images that were resampled by a factor from `min_scale` to `max_scale`.
    """

    temperature: float = 1.0
    offset: float = 0.0
    low: float = 0.5
    high: float = 0.5
    fpr_thresholds: Mapping[str, float] = field(default_factory=dict)
    by_quality: Sequence[Mapping[str, float]] = ()
    by_scale: Sequence[Mapping[str, float]] = ()

    def __post_init__(self) -> None:
        for name, bounds in (("by_quality", _QUALITY), ("by_scale", _SCALE)):
            for entry in _entries(name, getattr(self, name), bounds):
                self.replaced(entry)
        for name in ("temperature", "offset", "low", "high"):
            if not _is_finite(getattr(self, name)):
                raise ValueError(f"{name} must be a finite number, got {getattr(self, name)!r}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"thresholds must satisfy 0 <= low <= high <= 1, got low={self.low}, high={self.high}")
        if not isinstance(self.fpr_thresholds, Mapping):
            raise ValueError(f"fpr_thresholds must map rates to thresholds, got {self.fpr_thresholds!r}")
        for rate, threshold in self.fpr_thresholds.items():
            if not (_is_share(_as_number(rate)) and _is_share(threshold)):
                raise ValueError(
                    f"fpr_thresholds must map rates to thresholds, both from 0 to 1, got {rate!r}: {threshold!r}"
                )

    def probability(self, logit: float) -> float:
        """Calibrated probability that the image is generated."""
        z = (logit - self.offset) / self.temperature
        if z >= 0:
            return 1 / (1 + math.exp(-z))
        return math.exp(z) / (1 + math.exp(z))

    def at(self, jpeg_quality: float | None = None, scale: float | None = None) -> ForgeryCalibration:
        """What holds for an image of this history; where both say something, the one with the wider bounds.

        Args:
            jpeg_quality: 1 to 100, of its last JPEG compression; None if unknown.
            scale: by how much it was resampled, such as 0.5; None if unknown.
        """
        found = []
        if jpeg_quality is not None:
            found += sorted((e for e in self.by_quality if jpeg_quality <= e["max_quality"]), key=_max_quality)[:1]
        if scale is not None:
            found += [e for e in self.by_scale if e["min_scale"] <= scale <= e["max_scale"]][:1]
        if not found:
            return self
        return self.replaced(max(found, key=lambda entry: entry["high"] - entry["low"]))

    def replaced(self, entry: Mapping[str, float]) -> ForgeryCalibration:
        """With temperature, offset and thresholds of an entry of `by_quality` or `by_scale`."""
        temperature, offset, low, high = (entry[name] for name in _LINE)
        return ForgeryCalibration(temperature, offset, low, high, self.fpr_thresholds)

    def threshold_at(self, fpr: float) -> float:
        """Probability threshold of a false-positive rate, interpolated between the calibrated ones.

        Raises:
            UsageError: the rate lies outside what was calibrated.
        """
        table = sorted((float(rate), threshold) for rate, threshold in self.fpr_thresholds.items())
        if not table:
            message = "this checkpoint carries no false-positive calibration; give a probability threshold instead"
            raise UsageError(message, code="out-of-range", value=fpr)
        if not table[0][0] <= fpr <= table[-1][0]:
            message = f"false-positive rate {fpr:g} is outside the calibrated range {table[0][0]:g} to {table[-1][0]:g}"
            raise UsageError(message, code="out-of-range", value=fpr)
        for (rate0, threshold0), (rate1, threshold1) in itertools.pairwise(table):
            if rate0 <= fpr <= rate1:
                return threshold0 + (threshold1 - threshold0) * (fpr - rate0) / (rate1 - rate0)
        return table[0][1]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, the inverse of `ForgeryCalibration(**d)`."""
        histories = {name: [dict(entry) for entry in getattr(self, name)] for name in ("by_quality", "by_scale")}
        record = {**asdict(self), "fpr_thresholds": dict(self.fpr_thresholds), **histories}
        # Files without them can be read by versions that do not know them.
        return {name: value for name, value in record.items() if value or name not in histories}


_LINE = ("temperature", "offset", "low", "high")
_QUALITY, _SCALE = ("max_quality",), ("min_scale", "max_scale")


def _entries(name: str, value: object, bounds: tuple[str, ...]) -> Sequence[Mapping[str, float]]:
    """The entries of `by_quality` or `by_scale`, checked for their keys and types."""
    keys = {*bounds, *_LINE}
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name} must be a list of mappings with {', '.join(sorted(keys))}, got {value!r}")
    for entry in value:
        if not (isinstance(entry, Mapping) and set(entry) == keys and all(map(_is_finite, entry.values()))):
            raise ValueError(f"{name} must have finite numbers for {', '.join(sorted(keys))}, got {entry!r}")
    return value


def _max_quality(entry: Mapping[str, float]) -> float:
    return entry["max_quality"]


def _is_finite(value: object) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)


def _is_share(value: object) -> bool:
    return isinstance(value, numbers.Real) and 0 <= float(value) <= 1


def _as_number(text: object) -> float:
    try:
        return float(text)  # type: ignore[arg-type]  # a file's metadata may hold anything
    except (TypeError, ValueError):
        return math.nan


# The name that configs, notebooks and older code know.
Calibration = ForgeryCalibration

FPR_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)


def fit_calibration(
    labels: ArrayLike, logits: ArrayLike, fpr: float = 0.05, fnr: float = 0.1, rates: tuple[float, ...] = FPR_RATES
) -> ForgeryCalibration:
    """Temperature, offset and thresholds from held-out logits; both classes weigh the same, whatever their number.

    Args:
        labels: 0 real, 1 generated, `[N]`.
        logits: of the detector, `[N]`.
        fpr: share of held-out real images that the verdict "ai-generated" may hit.
        fnr: share of held-out generated images that the verdict "real" may hit.
        rates: false-positive rates whose thresholds are recorded.

    Raises:
        ValueError: a class is missing, or the logits do not rise with the label.
    """
    labels, logits = np.asarray(labels), np.asarray(logits, dtype=np.float64)
    real, fake = logits[labels == 0], logits[labels == 1]
    if not len(real) or not len(fake):
        raise ValueError(f"calibration needs both classes, got {len(real)} real and {len(fake)} generated images")
    slope, intercept = _balanced_logistic(real, fake)
    if slope <= 0:
        raise ValueError(
            f"the logits do not rise with the label (slope {slope:.3g}): this detector cannot be calibrated"
        )
    line = ForgeryCalibration(1 / slope, -intercept / slope)
    thresholds = {f"{rate:g}": line.probability(float(np.quantile(real, 1 - rate))) for rate in rates}
    high = line.probability(float(np.quantile(real, 1 - fpr)))
    low = min(high, line.probability(float(np.quantile(fake, fnr))))
    return ForgeryCalibration(line.temperature, line.offset, low, high, thresholds)


def _balanced_logistic(real: np.ndarray, fake: np.ndarray, steps: int = 50) -> tuple[float, float]:
    """Slope and intercept of a logistic regression on one variable, by damped Newton steps."""
    x = np.concatenate([real, fake])
    y = np.concatenate([np.zeros(len(real)), np.ones(len(fake))])
    weight = np.concatenate([np.full(len(real), 0.5 / len(real)), np.full(len(fake), 0.5 / len(fake))])
    design = np.stack([x, np.ones_like(x)], axis=1)
    # A slight pull to zero keeps the slope finite on classes that a threshold separates.
    ridge = 1e-6 * np.eye(2)
    theta = np.zeros(2)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -500, 500)))
        gradient = design.T @ (weight * (p - y)) + ridge @ theta
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian, gradient)
        theta -= step * min(1.0, 5.0 / (np.abs(step).max() + 1e-12))
    return float(theta[0]), float(theta[1])
