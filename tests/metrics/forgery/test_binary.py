from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from vision.metrics.forgery import binary

# Few distinct values, so that ties are common.
rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=60)
both_classes = rows.filter(lambda pairs: len({label for label, _ in pairs}) == 2)


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.array(pairs).T
    return labels, scores / 8


@settings(max_examples=150, deadline=None)
@given(both_classes)
def test_ranking_metrics_match_scikit_learn_with_ties(pairs):
    labels, scores = arrays(pairs)
    assert binary.average_precision(labels, scores) == pytest.approx(sk.average_precision_score(labels, scores))
    assert binary.roc_auc(labels, scores) == pytest.approx(sk.roc_auc_score(labels, scores))
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    for limit in (0.0, 0.05, 0.3, 1.0):
        assert binary.tpr_at_fpr(labels, scores, limit) == pytest.approx(tpr[fpr <= limit + 1e-12].max())


@settings(max_examples=100, deadline=None)
@given(both_classes)
def test_accuracies_match_scikit_learn(pairs):
    labels, scores = arrays(pairs)
    report = binary.binary_report(labels, scores)
    judged = (scores >= 0.5).astype(int)
    assert report["acc"] == pytest.approx(sk.accuracy_score(labels, judged))
    assert report["bal_acc"] == pytest.approx(sk.balanced_accuracy_score(labels, judged))
    assert report["fake_acc"] == pytest.approx(sk.recall_score(labels, judged))
    assert report["real_acc"] == pytest.approx(sk.recall_score(labels, judged, pos_label=0))


@settings(max_examples=100, deadline=None)
@given(both_classes)
def test_the_best_threshold_has_no_better_rival(pairs):
    labels, scores = arrays(pairs)
    best = sk.balanced_accuracy_score(labels, scores >= binary.best_threshold(labels, scores))
    rivals = [*np.unique(scores), 2.0]
    assert best == pytest.approx(max(sk.balanced_accuracy_score(labels, scores >= rival) for rival in rivals))


@settings(max_examples=100, deadline=None)
@given(rows)
def test_calibration_error_matches_its_definition(pairs):
    labels, scores = arrays(pairs)
    expected = 0.0
    for low in range(15):
        inside = (scores * 15 >= low) & ((scores * 15 < low + 1) | (low == 14))
        if inside.any():
            expected += inside.mean() * abs(scores[inside].mean() - labels[inside].mean())
    assert binary.expected_calibration_error(labels, scores) == pytest.approx(expected)


def test_calibrated_scores_have_little_error_and_overconfident_ones_have_more():
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(size=20_000)
    labels = (rng.uniform(size=20_000) < probabilities).astype(int)
    assert binary.expected_calibration_error(labels, probabilities) < 0.02
    assert binary.expected_calibration_error(labels, (probabilities > 0.5).astype(float)) > 0.2


def test_tpr_at_five_percent_counts_whole_images():
    real, fake = np.arange(20) / 100, np.array([0.185, 0.195, 0.1])
    labels, scores = np.array([0] * 20 + [1] * 3), np.concatenate([real, fake])
    assert binary.tpr_at_fpr(labels, scores, 0.05) == pytest.approx(2 / 3)
    assert binary.tpr_at_fpr(labels, scores, 0.049) == pytest.approx(1 / 3)


def test_logits_rank_where_probabilities_saturate():
    labels, logits = [0, 1], np.array([50.0, 60.0])
    probabilities = 1 / (1 + np.exp(-logits))
    assert binary.binary_report(labels, probabilities)["auc"] == 0.5
    assert binary.binary_report(labels, probabilities, logits)["auc"] == 1.0


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1, 1]])
def test_what_is_undefined_is_nan(labels):
    report = binary.binary_report(labels, [0.25] * len(labels))
    undefined = {name for name, value in report.items() if math.isnan(value)}
    always = {"bal_acc", "ap", "auc", "tpr@5fpr", "best_threshold"}
    expected = {0: always | {"acc", "real_acc", "fake_acc", "ece"}, 2: always | {"fake_acc"}, 3: always | {"real_acc"}}
    assert undefined == expected[len(labels)]
    assert report["real"] + report["fake"] == len(labels)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5], "labels are .2,., scores .1,."),
        ([0, 2], [0.5, 0.5], "labels hold .2."),
        ([0, 1], [0.5, math.nan], "1 of 2 scores are nan"),
        ([0, 1], [0.5, 1.5], "expected 0..1"),
    ],
)
def test_wrong_input_is_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        binary.binary_report(labels, scores)


def test_a_rate_beyond_one_is_refused():
    with pytest.raises(ValueError, match="fpr is 5"):
        binary.tpr_at_fpr([0, 1], [0.1, 0.2], 5)


def test_scores_of_one_bin_are_summed_before_they_are_compared():
    # 0.6 and 0.65 lie in the tenth of 15 bins (0.6 to 0.667), 0.05 in the first: gaps |1.25 - 1| and 0.05.
    error = binary.expected_calibration_error([1, 0, 0], [0.6, 0.65, 0.05])
    assert error == pytest.approx((0.25 + 0.05) / 3)
    # Of 15 bins those of 0.96 and 1.0 are one, those of 0.92 and 0.96 two.
    assert binary.expected_calibration_error([1, 0], [0.96, 1.0]) == pytest.approx(0.96 / 2)
    assert binary.expected_calibration_error([1, 0], [0.96, 0.92]) == pytest.approx((0.04 + 0.92) / 2)
    assert binary.expected_calibration_error([1, 0], [0.1, 0.9], bins=1) == pytest.approx(0)


def test_the_best_threshold_by_hand():
    assert binary.best_threshold([0, 1, 1], [0.2, 0.4, 0.9]) == pytest.approx(0.3)
    # 0.35 and 0.75 are equally good: the one that flags fewer.
    assert binary.best_threshold([0, 1, 0, 1], [0.3, 0.4, 0.6, 0.9]) == pytest.approx(0.75)
    # Where none is better than flagging nothing, it lies above all scores.
    assert binary.best_threshold([1, 0], [0.2, 0.4]) == np.nextafter(0.4, 1)
    assert binary.best_threshold([1, 0, 1], [0.5, 0.5, 0.5]) > 0.5


def test_a_report_by_hand():
    report = binary.binary_report([0, 0, 0, 1, 1], [0.1, 0.5, 0.3, 0.5, 0.2])
    assert (report["real"], report["fake"]) == (3, 2)
    assert report["acc"] == pytest.approx(3 / 5) and report["bal_acc"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    # Of the six pairs of a generated and a real one, 2 are ranked right, 1 ties and 2 + 1 more are won by 0.2 over 0.1.
    assert report["auc"] == pytest.approx((2 + 0.5 + 1) / 6)
    assert report["ap"] == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 4)
    assert report["tpr@5fpr"] == 0
    assert binary.accuracy([0, 1], [0.2, 0.6], threshold=0.7) == 0.5
    assert binary.class_accuracy([0, 1], [0.2, 0.6], 1, threshold=0.6) == 1
    # 5 % where it is not said: 2 of 40 real images, not 3.
    assert binary.tpr_at_fpr([0] * 40 + [1], [0.1] * 38 + [0.9] * 2 + [0.5]) == 1
    assert binary.tpr_at_fpr([0] * 40 + [1], [0.1] * 37 + [0.9] * 3 + [0.5]) == 0
