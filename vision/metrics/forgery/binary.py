"""Metrics of real (0) against generated (1): pure functions of labels and scores.

Scores are probabilities or anything that grows with "generated", where only their order counts. Equal scores are one
threshold. A quantity that the labels leave undefined, because a class or every image is missing, is `nan`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

NAN = math.nan


def binary_report(labels: ArrayLike, probabilities: ArrayLike, scores: ArrayLike | None = None) -> dict[str, float]:
    """All metrics of one set of images.

    Args:
        labels: 0 real, 1 generated, `[N]`.
        probabilities: of being generated, 0..1, `[N]`.
        scores: what to rank by instead, such as logits, which do not saturate, `[N]`.

    Returns:
        `real` and `fake` (counts), `acc`, `real_acc`, `fake_acc` and their mean `bal_acc` (threshold 0.5), `ap`, `auc`,
        `tpr@5fpr`, `ece` and `best_threshold`.

    Raises:
        ValueError: for labels other than 0 and 1, unequal lengths, non-finite values or probabilities beyond 0..1.
    """
    labels, probabilities = _checked(labels, probabilities)
    scores = probabilities if scores is None else _checked(labels, scores)[1]
    real_acc, fake_acc = (class_accuracy(labels, probabilities, label) for label in (0, 1))
    return {
        "real": int(np.sum(labels == 0)),
        "fake": int(np.sum(labels == 1)),
        "acc": accuracy(labels, probabilities),
        "bal_acc": (real_acc + fake_acc) / 2,
        "real_acc": real_acc,
        "fake_acc": fake_acc,
        "ap": average_precision(labels, scores),
        "auc": roc_auc(labels, scores),
        "tpr@5fpr": tpr_at_fpr(labels, scores, 0.05),
        "ece": expected_calibration_error(labels, probabilities),
        "best_threshold": best_threshold(labels, probabilities),
    }


def accuracy(labels: ArrayLike, scores: ArrayLike, threshold: float = 0.5) -> float:
    """Share of images judged right, where a score of at least `threshold` means generated."""
    labels, scores = _checked(labels, scores)
    return float(np.mean((scores >= threshold) == (labels == 1))) if len(labels) else NAN


def class_accuracy(labels: ArrayLike, scores: ArrayLike, label: int, threshold: float = 0.5) -> float:
    """Accuracy on the images of one class alone."""
    labels, scores = _checked(labels, scores)
    return accuracy(labels[labels == label], scores[labels == label], threshold)


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Sum over thresholds of precision times the recall gained there, without interpolation."""
    true, false = _cumulative_counts(*_checked(labels, scores))
    if true[-1] == 0 or false[-1] == 0:
        return NAN
    precision = true[1:] / (true[1:] + false[1:])
    return float(np.sum(np.diff(true) / true[-1] * precision))


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a generated image scores above a real one, equal scores counting half."""
    true, false = _cumulative_counts(*_checked(labels, scores))
    if true[-1] == 0 or false[-1] == 0:
        return NAN
    area = np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)
    return float(area / (true[-1] * false[-1]))


def tpr_at_fpr(labels: ArrayLike, scores: ArrayLike, fpr: float = 0.05) -> float:
    """Largest share of generated images found by a threshold that flags at most a share `fpr` of the real ones.

    No interpolation: with fewer than `1 / fpr` real images the threshold has to lie above all of them.
    """
    if not 0.0 <= fpr <= 1.0:
        raise ValueError(f"fpr is {fpr}; expected 0 to 1")
    true, false = _cumulative_counts(*_checked(labels, scores))
    if true[-1] == 0 or false[-1] == 0:
        return NAN
    # Counts are compared, with a margin for fpr * N that should be whole.
    return float(true[false <= fpr * false[-1] + 1e-9][-1] / true[-1])


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Mean gap between predicted probability and share of generated images over equal-width bins, weighted by count.

    Defined with one class too; `nan` without images only.
    """
    labels, probabilities = _checked(labels, probabilities)
    if not len(labels):
        return NAN
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError(f"probabilities span {probabilities.min():g}..{probabilities.max():g}; expected 0..1")
    which = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(which, weights=probabilities - labels, minlength=bins)
    return float(np.sum(np.abs(gaps)) / len(labels))


def best_threshold(labels: ArrayLike, scores: ArrayLike) -> float:
    """Threshold of the highest balanced accuracy (mean of real and fake accuracy), midway between two scores.

    Of several, the one that flags the fewest images. Above all or below all scores it is the score nearest to it.
    """
    labels, scores = _checked(labels, scores)
    true, false = _cumulative_counts(labels, scores)
    if true[-1] == 0 or false[-1] == 0:
        return NAN
    values = np.unique(scores)[::-1]
    best = int(np.argmax(true / true[-1] - false / false[-1]))
    if best == 0:
        return float(np.nextafter(values[0], np.inf))
    return float(values[-1] if best == len(values) else values[best - 1] / 2 + values[best] / 2)


def _cumulative_counts(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Generated and real images at or above each distinct score, from the highest down, after a leading 0."""
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)[: len(scores)]
    counts = [np.cumsum(labels == label)[last_of_tie] for label in (1, 0)]
    true, false = (np.concatenate([[0], count]) for count in counts)
    return true, false


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(f"labels are {labels.shape}, scores {scores.shape}; expected two lists of one length")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels hold {np.setdiff1d(labels, (0, 1))[:5].tolist()}; expected 0 (real) or 1 (generated)")
    if not np.isfinite(scores).all():
        raise ValueError(f"{np.sum(~np.isfinite(scores))} of {len(scores)} scores are nan or infinite")
    return labels.astype(np.int64), scores
