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


def test_rates_and_thresholds_where_nothing_is_said() -> None:
    """Real logits from 0 to 1, generated ones from 0.5 to 1.5: quantiles that can be worked out by hand."""
    real, fake = np.linspace(0, 1, 1001), np.linspace(0.5, 1.5, 1001)
    labels = np.repeat([0, 1], 1001)
    calibration = fit_calibration(labels, np.concatenate([real, fake]))
    assert list(calibration.fpr_thresholds) == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.3"]
    assert calibration.offset == pytest.approx(0.75, abs=1e-3)
    for rate, threshold in calibration.fpr_thresholds.items():
        assert threshold == pytest.approx(calibration.probability(1 - float(rate)), abs=1e-9)
    # 5 % of real images above 0.95; 10 % of generated ones below 0.6.
    assert calibration.high == pytest.approx(calibration.probability(0.95), abs=1e-9)
    assert calibration.low == pytest.approx(calibration.probability(0.6), abs=1e-9)
    loose = fit_calibration(labels, np.concatenate([real, fake]), fpr=0.5, fnr=0.4, rates=(0.25,))
    assert list(loose.fpr_thresholds) == ["0.25"]
    assert loose.high == loose.low == pytest.approx(calibration.probability(0.5), abs=1e-9)  # low never above high


def test_a_slope_is_found_from_far_away() -> None:
    """A regression of 200 logits against scikit-learn's, without its regularization."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [150, 50])
    logits = np.concatenate([rng.normal(-300, 60, 150), rng.normal(-200, 60, 50)])
    model = LogisticRegression(C=1e12, class_weight="balanced", max_iter=5000, tol=1e-10)
    scaled = (logits + 250) / 60
    model.fit(scaled[:, None], labels)
    calibration = fit_calibration(labels, logits)
    assert calibration.temperature == pytest.approx(60 / model.coef_[0, 0], rel=1e-2)
    assert calibration.offset == pytest.approx(-250 - 60 * model.intercept_[0] / model.coef_[0, 0], abs=2)
