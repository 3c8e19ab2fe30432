"""Average precision as PASCAL VOC has it since 2010: the whole area under the curve (Everingham et al., IJCV 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision.metrics.video.boxes import box_iou
from vision.metrics.video.frames import JudgedFrame

_NOTHING = -1


class VocMatches:
    """Detections compared with the truth once, to be judged on any of the frames.

    A detection belongs to the true box of its class that it overlaps most. It is right where the overlap reaches the
    threshold and no detection with a higher score took that box; every other one is wrong. Where the box is ignored,
    it is neither.

    Args:
        frames: each once, see `checked_frames`.
        num_classes: labels are below it.
        ignored: of every frame, `[N]` of its true boxes: those that count as neither missed nor found. Those that the
            truth itself ignores by default, and beside them otherwise.
        plus_one: widths and heights are x2 - x1 + 1, as in VOC's own program, whose boxes end in their last pixels.
    """

    def __init__(
        self,
        frames: Sequence[JudgedFrame],
        num_classes: int,
        ignored: Sequence[np.ndarray] | None = None,
        plus_one: bool = False,
    ) -> None:
        self.num_classes = num_classes
        columns: list[list[np.ndarray]] = [[], [], [], [], [], []]
        truths: list[list[np.ndarray]] = [[], []]
        first = 0
        for place, frame in enumerate(frames):
            skip = frame.truth.ignored if ignored is None else frame.truth.ignored | ignored[place]
            best, overlap = _best(frame, plus_one)
            skipped = np.append(skip, False)[best]
            numbers = np.where(best == _NOTHING, _NOTHING, best + first)
            parts = (np.full(len(best), place), frame.labels, frame.scores, numbers, overlap, skipped)
            for column, part in zip(columns, parts, strict=True):
                column.append(part)
            truths[0].append(np.full(np.count_nonzero(~skip), place))
            truths[1].append(frame.truth.labels[~skip])
            first += len(skip)
        self._place, self._label, self._score, self._truth, self._overlap, self._skipped = map(_joined, columns)
        self._truth_place, self._truth_label = map(_joined, truths)

    def average_precision(self, thresholds: Sequence[float], chosen: np.ndarray | None = None) -> np.ndarray:
        """Average precision `[thresholds, classes]` in 0 to 1; NaN for a class without a true box to be found.

        Args:
            thresholds: least overlap of a detection that is right.
            chosen: `[frames]` bool, which frames to judge; all by default.
        """
        result = np.full((len(thresholds), self.num_classes), np.nan)
        for label in range(self.num_classes):
            wanted = self._truth_label == label
            found = self._label == label
            if chosen is not None:
                wanted, found = wanted & chosen[self._truth_place], found & chosen[self._place]
            total = int(np.count_nonzero(wanted))
            if total:
                rows = np.flatnonzero(found)
                rows = rows[np.argsort(-self._score[rows], kind="stable")]
                for number, threshold in enumerate(thresholds):
                    result[number, label] = area_under_curve(*self._right_and_wrong(rows, threshold), total)
        return result

    def count_truth(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """How many true boxes `[classes]` are to be found."""
        labels = self._truth_label if chosen is None else self._truth_label[chosen[self._truth_place]]
        return np.bincount(labels, minlength=self.num_classes)

    def _right_and_wrong(self, rows: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        hits = self._overlap[rows] >= threshold
        skipped = hits & self._skipped[rows]
        candidates = np.flatnonzero(hits & ~skipped)
        right = np.zeros(len(rows), bool)
        right[candidates[np.unique(self._truth[rows][candidates], return_index=True)[1]]] = True
        return right[~skipped], ~right[~skipped]


def area_under_curve(right: np.ndarray, wrong: np.ndarray, total: int) -> float:
    """Area under precision over recall, precision made to fall only.

    Args:
        right: `[N]` bool of each detection, highest score first.
        wrong: the same.
        total: number of true boxes.
    """
    right, wrong = np.cumsum(right), np.cumsum(wrong)
    recall = np.concatenate([[0.0], right / total])
    precision = right / np.maximum(right + wrong, 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * precision).sum())


def _best(frame: JudgedFrame, plus_one: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of each detection, the true box of its class that it overlaps most, or -1, and how much."""
    if not len(frame.truth.boxes):
        return np.full(len(frame.boxes), _NOTHING), np.zeros(len(frame.boxes))
    overlaps = box_iou(frame.boxes, frame.truth.boxes, plus_one)
    overlaps[frame.labels[:, None] != frame.truth.labels[None]] = 0
    best, overlap = overlaps.argmax(1), overlaps.max(1)
    return np.where(overlap > 0, best, _NOTHING), overlap


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
