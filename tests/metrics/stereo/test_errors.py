"""Errors of disparity maps: against figures worked out by hand and against a loop over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vision.metrics.stereo.errors import COLUMNS, StereoScores, mean_errors, stereo_errors

NAN = math.nan


def test_figures_by_hand() -> None:
    truth = np.array([[10.0, 10.0, 100.0, 100.0], [20.0, 40.0, NAN, np.inf]])
    prediction = np.array([[10.5, 10.6, 104.0, 106.0], [22.5, 36.0, 5.0, 5.0]])
    errors = stereo_errors(prediction, truth)
    assert errors["pixels"] == 6
    assert errors["epe"] == pytest.approx((0.5 + 0.6 + 4 + 6 + 2.5 + 4) / 6)
    # An error of just the threshold is right; D1 needs more than 5 % of the truth too: 4 of 100 is not.
    assert [errors[name] for name in COLUMNS[1:]] == pytest.approx([500 / 6, 400 / 6, 400 / 6, 300 / 6, 200 / 6])


@pytest.mark.parametrize("seed", range(3))
def test_against_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 80, (13, 17)).astype(np.float32)
    prediction = truth + rng.normal(0, 3, truth.shape).astype(np.float32)
    truth[rng.random(truth.shape) < 0.2] = NAN
    prediction[rng.random(truth.shape) < 0.1] = NAN
    mask = rng.random(truth.shape) < 0.7
    distance, wrong, pixels = 0.0, np.zeros(5), 0
    for p, t, seen in zip(prediction.ravel(), truth.ravel(), mask.ravel(), strict=True):
        if not seen or math.isnan(t):
            continue
        error = abs(float(t) if math.isnan(p) else float(p) - float(t))
        limits = [0.5, 1, 2, 3, max(3, 0.05 * float(t))]
        wrong += [math.isnan(p) or error > limit for limit in limits]
        distance, pixels = distance + error, pixels + 1
    errors = stereo_errors(prediction, truth, mask)
    assert errors["pixels"] == pixels
    assert [errors[name] for name in COLUMNS] == pytest.approx([distance / pixels, *(100 * wrong / pixels)])


@pytest.mark.parametrize("nothing", [NAN, np.inf, -np.inf])
def test_no_answer_is_wrong_and_counts_as_zero(nothing: float) -> None:
    errors = stereo_errors([[nothing, 30.0]], [[0.25, 30.0]])
    assert errors["epe"] == 0.125
    assert [errors[name] for name in COLUMNS[1:]] == [50] * 5


def test_flow() -> None:
    truth = np.array([[[3.0, 4.0], [100.0, 0.0], [NAN, 0.0], [6.0, 8.0]]])
    prediction = np.array([[[0.0, 0.0], [100.0, 4.0], [0.0, 0.0], [NAN, 8.0]]])
    errors = stereo_errors(prediction, truth)
    assert errors["pixels"] == 3
    assert errors["epe"] == pytest.approx((5 + 4 + 10) / 3)
    assert errors["bad_3"] == 100 and errors["d1"] == pytest.approx(200 / 3)


def test_nothing_to_judge() -> None:
    errors = stereo_errors(np.ones((2, 3)), np.full((2, 3), NAN))
    assert errors["pixels"] == 0 and all(math.isnan(errors[name]) for name in COLUMNS)


@pytest.mark.parametrize(
    ("prediction", "truth", "mask", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), None, r"prediction is \(2, 3\) and truth \(3, 2\)"),
        (np.ones((2, 3, 3)), np.ones((2, 3, 3)), None, "for flow"),
        (np.ones(3), np.ones(3), None, r"expected both \[H, W\]"),
        (np.ones((2, 3)), np.ones((2, 3)), np.ones((3, 3), bool), r"mask is bool \(3, 3\)"),
        (np.ones((2, 3)), np.ones((2, 3)), np.full((2, 3), 255), "mask is int64"),
    ],
)
def test_shapes_that_do_not_fit(
    prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        stereo_errors(prediction, truth, mask)


def test_scenes_weigh_the_same_and_pool_their_images() -> None:
    scores = StereoScores()
    scores.add("large", np.full((10, 10), 3.0), np.full((10, 10), 2.0))
    scores.add("large", np.full((2, 10), 5.0), np.full((2, 10), 2.0), np.eye(2, 10, dtype=bool))
    scores.add("small", np.full((1, 4), 2.0), np.full((1, 4), 2.0))
    scenes, mean = scores.scenes(), scores.mean()
    assert list(scenes) == ["large", "small"]
    assert scenes["large"]["all"]["epe"] == pytest.approx((100 * 1 + 20 * 3) / 120)
    assert scenes["large"]["noc"] == stereo_errors([[5.0, 5.0]], [[2.0, 2.0]])
    assert math.isnan(scenes["small"]["noc"]["epe"])
    assert mean["all"]["epe"] == pytest.approx((160 / 120 + 0) / 2) and mean["all"]["pixels"] == 124
    # A scene without a mask does not enter the mean over non-occluded pixels.
    assert mean["noc"]["epe"] == 3 and mean["noc"]["pixels"] == 2


def test_large_disparities_can_be_left_out() -> None:
    truth, prediction = np.array([[10.0, 192.0, NAN, 191.0]]), np.array([[12.0, 0.0, 0.0, 191.0]])
    scores = StereoScores(max_disparity=192)
    scores.add("a", prediction, truth, np.array([[False, True, True, True]]))
    errors = scores.scenes()["a"]
    assert (errors["all"]["pixels"], errors["all"]["epe"]) == (2, 1.0)
    assert (errors["noc"]["pixels"], errors["noc"]["epe"]) == (1, 0.0)
    for value in (0, -1, NAN):
        with pytest.raises(ValueError, match="max_disparity"):
            StereoScores(value)


def test_mean_of_nothing() -> None:
    assert mean_errors([])["all"]["pixels"] == 0 and math.isnan(mean_errors([])["noc"]["d1"])
