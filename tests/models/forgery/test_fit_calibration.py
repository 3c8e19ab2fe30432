"""Calibration on logits whose true probabilities are known."""

import numpy as np
import pytest

from vision.models.forgery.calibration import fit_calibration


def drawn(count: int = 40_000, slope: float = 0.5, shift: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Balanced labels whose log-odds are exactly `slope * (logit - shift)`: two normal classes of equal width."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    distance, sigma = 4.0, (4.0 / slope) ** 0.5
    return labels, rng.normal(np.where(labels, shift + distance / 2, shift - distance / 2), sigma)


def test_recovers_temperature_and_offset() -> None:
    calibration = fit_calibration(*drawn())
    assert calibration.temperature == pytest.approx(2.0, rel=0.05)
    assert calibration.offset == pytest.approx(1.5, abs=0.1)


def test_the_larger_class_weighs_no_more() -> None:
    labels, logits = drawn()
    keep = (labels == 1) | (np.arange(len(labels)) % 20 == 0)
    uneven = fit_calibration(labels[keep], logits[keep])
    assert uneven.offset == pytest.approx(1.5, abs=0.2)


def test_thresholds_hit_the_rates_they_are_named_after() -> None:
    labels, logits = drawn()
    calibration = fit_calibration(labels, logits, fpr=0.05, fnr=0.1)
    p = np.array([calibration.probability(logit) for logit in logits])
    for rate, threshold in calibration.fpr_thresholds.items():
        assert np.mean(p[labels == 0] >= threshold) == pytest.approx(float(rate), abs=1e-3)
    assert np.mean(p[labels == 0] >= calibration.high) == pytest.approx(0.05, abs=1e-3)
    assert np.mean(p[labels == 1] < calibration.low) == pytest.approx(0.1, abs=1e-3)


def test_separable_classes_stay_finite_and_ordered() -> None:
    calibration = fit_calibration([0, 0, 1, 1], [-9.0, -8.0, 8.0, 9.0])
    assert np.isfinite([calibration.temperature, calibration.offset]).all()
    assert 0 <= calibration.low <= calibration.high <= 1


def test_what_cannot_be_calibrated_is_said() -> None:
    with pytest.raises(ValueError, match="2 real and 0 generated"):
        fit_calibration([0, 0], [1.0, 2.0])
    with pytest.raises(ValueError, match="do not rise"):
        fit_calibration([0, 0, 1, 1], [5.0, 6.0, -5.0, -6.0])
