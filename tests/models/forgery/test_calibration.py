"""From logits to probabilities and thresholds."""

import json
import math
from typing import Any

import pytest

from vision.models import Calibration

TABLE = Calibration(temperature=2.0, offset=1.0, low=0.2, high=0.8, fpr_thresholds={"0.1": 0.6, "0.01": 0.9})


@pytest.mark.parametrize("logit", [-800.0, -3.0, 0.0, 1.0, 5.0, 800.0])
def test_probability(logit: float) -> None:
    probability = TABLE.probability(logit)
    assert 0 <= probability <= 1
    if abs(logit) < 100:
        assert probability == pytest.approx(1 / (1 + math.exp(-(logit - 1) / 2)))


def test_threshold_is_interpolated_between_the_calibrated_rates() -> None:
    assert TABLE.threshold_at(0.1) == pytest.approx(0.6)
    assert TABLE.threshold_at(0.01) == pytest.approx(0.9)
    assert TABLE.threshold_at(0.055) == pytest.approx(0.75)


@pytest.mark.parametrize("fpr", [0.0, 0.001, 0.2, 1.0])
def test_rates_outside_the_table_are_refused(fpr: float) -> None:
    with pytest.raises(ValueError, match=r"outside the calibrated range 0\.01 to 0\.1"):
        TABLE.threshold_at(fpr)


def test_without_a_table_there_is_no_rate() -> None:
    with pytest.raises(ValueError, match="no false-positive calibration"):
        Calibration().threshold_at(0.05)


def test_round_trip() -> None:
    assert Calibration(**TABLE.to_dict()) == TABLE


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature"):
        Calibration(temperature=0)
    with pytest.raises(ValueError, match=r"low=0\.9, high=0\.1"):
        Calibration(low=0.9, high=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": math.nan},
        {"temperature": -1.0},
        {"offset": math.inf},
        {"offset": "0"},
        {"low": -0.1},
        {"high": 1.1},
        {"low": 0.6},
        {"fpr_thresholds": [0.1]},
        {"fpr_thresholds": {"0.1": 1.5}},
        {"fpr_thresholds": {"1.5": 0.5}},
        {"fpr_thresholds": {"often": 0.5}},
        {"fpr_thresholds": {None: 0.5}},
        {"fpr_thresholds": {"0.1": "0.5"}},
    ],
)
def test_values_out_of_their_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)) if "low" not in wrong and "high" not in wrong else "low="):
        Calibration(**wrong)


def test_bounds_belong_to_their_ranges() -> None:
    assert Calibration(low=0, high=1, fpr_thresholds={"0": 0, "1": 1.0}).threshold_at(0.5) == pytest.approx(0.5)
    assert Calibration(low=0.3, high=0.3).high == 0.3
    assert Calibration(fpr_thresholds={"0.1": 0.6}).threshold_at(0.1) == 0.6
    plain = {"temperature": 1.0, "offset": 0.0, "low": 0.5, "high": 0.5, "fpr_thresholds": {}}
    assert Calibration().to_dict() == plain


STRONG = {"max_quality": 50, "temperature": 4.0, "offset": 1.0, "low": 0.1, "high": 0.9}
MILD = {"max_quality": 80, "temperature": 2.0, "offset": 0.5, "low": 0.2, "high": 0.8}
HALVED = {"min_scale": 0.3, "max_scale": 0.7, "temperature": 3.0, "offset": 0.0, "low": 0.15, "high": 0.85}
REMEMBERING = Calibration(1.0, 0.0, 0.4, 0.6, {"0.1": 0.7}, by_quality=[MILD, STRONG], by_scale=[HALVED])


@pytest.mark.parametrize(
    ("quality", "scale", "low"),
    [
        (None, None, 0.4),
        (81, None, 0.4),
        (80, None, 0.2),
        (51, None, 0.2),
        (50, None, 0.1),
        (10, None, 0.1),
        (None, 0.5, 0.15),
        (None, 0.71, 0.4),
        (95, 0.3, 0.15),
        (75, 0.5, 0.15),  # wider than those of JPEG 75
        (45, 0.5, 0.1),
    ],
)
def test_the_history_of_an_image_chooses_its_bounds(quality: int | None, scale: float | None, low: float) -> None:
    assert REMEMBERING.at(quality, scale).low == low


def test_the_line_comes_with_the_bounds() -> None:
    chosen = REMEMBERING.at(45)
    assert (chosen.temperature, chosen.offset, chosen.high) == (4.0, 1.0, 0.9)
    assert chosen.probability(1.0) == 0.5 and chosen.threshold_at(0.1) == 0.7


def test_bounds_by_history_survive_a_file_and_are_absent_where_there_are_none() -> None:
    record = json.loads(json.dumps(REMEMBERING.to_dict()))
    assert Calibration(**record).at(45) == REMEMBERING.at(45)
    assert "by_quality" not in Calibration(by_scale=[HALVED]).to_dict()


@pytest.mark.parametrize(
    "wrong",
    [
        {"by_quality": {"50": STRONG}},
        {"by_quality": ["50"]},
        {"by_quality": [{"max_quality": 50}]},
        {"by_quality": [STRONG | {"high": math.nan}]},
        {"by_quality": [STRONG | {"low": 0.95}]},
        {"by_quality": [STRONG | {"temperature": 0}]},
        {"by_quality": [STRONG | {"label": 1}]},
        {"by_scale": [STRONG]},
        {"by_scale": [HALVED | {"max_scale": "1"}]},
    ],
)
def test_bounds_by_history_out_of_their_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"by_|low=|temperature"):
        Calibration(**wrong)
