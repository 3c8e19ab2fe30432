"""Top-k accuracy against values counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from vision.metrics.accuracy import TopKAccuracy

SCORES = [
    [0.7, 0.2, 0.1, 0.0],  # classes from best to worst: 0 1 2 3
    [0.1, 0.2, 0.3, 0.4],  # 3 2 1 0
    [0.3, 0.4, 0.1, 0.2],  # 1 0 3 2
    [0.1, 0.0, 0.6, 0.3],  # 2 3 0 1
]


def evaluate(scores: Sequence[Sequence[float]], labels: Sequence[int], **options) -> dict[str, float]:
    """The metric over batches of at most three samples."""
    metric = TopKAccuracy(**options)
    samples = [{"scores": torch.tensor(s), "label": label} for s, label in zip(scores, labels, strict=True)]
    for start in range(0, len(samples), 3):
        metric.process(None, samples[start : start + 3])
    return metric.evaluate(len(samples))


def test_counts_the_labels_among_the_best() -> None:
    values = evaluate(SCORES, [0, 2, 2, 0], topk=(1, 2, 3, 4))
    assert values == {"accuracy/top1": 25, "accuracy/top2": 50, "accuracy/top3": 75, "accuracy/top4": 100}


def test_all_right_and_all_wrong() -> None:
    assert evaluate(SCORES, [0, 3, 1, 2], topk=(1,)) == {"accuracy/top1": 100}
    assert evaluate(SCORES, [3, 0, 2, 1], topk=(1, 3)) == {"accuracy/top1": 0, "accuracy/top3": 0}


def test_default_is_top_1_and_top_5() -> None:
    assert evaluate([range(8)] * 2, [3, 2]) == {"accuracy/top1": 0, "accuracy/top5": 50}


def test_more_than_there_are_classes_is_always_right() -> None:
    assert evaluate(SCORES, [3, 0, 2, 1], topk=(5,)) == {"accuracy/top5": 100}


@pytest.mark.parametrize(
    ("label", "first_right"),
    [(0, 1), (1, 2), (2, 3), (3, 4)],
)
def test_of_equal_scores_the_first_class_ranks_higher(label: int, first_right: int) -> None:
    values = evaluate([[0.5, 0.2, 0.2, 0.1]], [label], topk=(1, 2, 3, 4))
    assert values == {f"accuracy/top{k}": 100 * (k >= first_right) for k in (1, 2, 3, 4)}


def test_a_diverged_model_is_wrong_everywhere() -> None:
    assert evaluate([[float("nan")] * 4] * 2, [0, 3], topk=(1, 3)) == {"accuracy/top1": 0, "accuracy/top3": 0}


def test_images_without_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="got -1: are the test images labeled"):
        evaluate(SCORES[:1], [-1])


def test_prefix() -> None:
    assert evaluate(SCORES, [0, 3, 1, 1], topk=[1], prefix="val") == {"val/top1": 75}


def test_a_second_evaluation_starts_anew() -> None:
    metric = TopKAccuracy(topk=(1,))
    for label, accuracy in ((0, 100), (1, 0)):
        metric.process(None, [{"scores": torch.tensor(SCORES[0]), "label": label}])
        assert metric.evaluate(1) == {"accuracy/top1": accuracy}


@pytest.mark.parametrize("topk", [(), (0,), (1, -2), [5, 0]])
def test_bad_topk(topk: Sequence[int]) -> None:
    with pytest.raises(ValueError, match=r"topk must be positive numbers, got \("):
        TopKAccuracy(topk)
