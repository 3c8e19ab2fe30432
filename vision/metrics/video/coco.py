"""Average precision as COCO has it, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vision.metrics.video.frames import JudgedFrame

# COCO's own: 0.5, 0.55 ... 0.95.
THRESHOLDS = tuple(float(threshold) for threshold in np.linspace(0.5, 0.95, 10))
MAX_DETECTIONS = 100  # of an image and a class, those with the highest scores


class CocoMatches:
    """Detections matched with the truth once, to be judged on any of the frames.

    A true box that the truth itself ignores is a crowd to COCO: it takes any number of detections, by the share of
    the detection that lies in it.

    Args:
        frames: each once, see `checked_frames`.
        num_classes: labels are below it.
        ignored: of every frame, `[N]` of its true boxes: those that count as neither missed nor found, beside the
            crowds. Other than these, they take one detection, by their overlap.
    """

    def __init__(
        self, frames: Sequence[JudgedFrame], num_classes: int, ignored: Sequence[np.ndarray] | None = None
    ) -> None:
        self.num_classes, self._count = num_classes, len(frames)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
            self._evaluation = _Evaluation(
                _coco(frames, num_classes, _truths(frames, ignored)), _coco(frames, num_classes, _found(frames)), "bbox"
            )
            params = self._evaluation.params
            params.maxDets, params.areaRng, params.areaRngLbl = [MAX_DETECTIONS], [[0, 1e10]], ["all"]
            # Set here, since it makes them anew otherwise, in an order of its own.
            params.imgIds, params.catIds = list(range(self._count)), list(range(num_classes))
            self._evaluation.evaluate()
        self._matches = self._evaluation.evalImgs

    def average_precision(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Average precision `[10, classes]` of the thresholds in 0 to 1; NaN for a class without a true box to find.

        Args:
            chosen: `[frames]` bool, which frames to judge; all by default.
        """
        keep = np.ones(self._count, bool) if chosen is None else chosen
        # Matches are by class, then frame; pycocotools skips those that are None.
        self._evaluation.evalImgs = [
            match if keep[number % self._count] else None for number, match in enumerate(self._matches)
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            self._evaluation.accumulate()
        precision = self._evaluation.eval["precision"][:, :, :, 0, 0]  # [10, 101 recalls, classes]; -1 without a box
        return np.where((precision >= 0).all(1), precision.mean(1), np.nan)


class _Evaluation(COCOeval):
    """Also ignores boxes that are no crowds."""

    def _prepare(self) -> None:
        super()._prepare()  # which ignores crowds alone
        for boxes in self._gts.values():
            for box in boxes:
                box["ignore"] = bool(box["iscrowd"] or box["left_out"])


def _truths(frames: Sequence[JudgedFrame], ignored: Sequence[np.ndarray] | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for place, frame in enumerate(frames):
        truth = frame.truth
        left_out = np.zeros(len(truth.boxes), bool) if ignored is None else ignored[place]
        for box, label, is_crowd, is_left_out in zip(truth.boxes, truth.labels, truth.ignored, left_out, strict=True):
            about = {"iscrowd": int(is_crowd), "left_out": bool(is_left_out)}
            found.append(_annotation(place, box, int(label), len(found) + 1) | about)
    return found


def _found(frames: Sequence[JudgedFrame]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for place, frame in enumerate(frames):
        for box, label, score in zip(frame.boxes, frame.labels, frame.scores, strict=True):
            found.append(_annotation(place, box, int(label), len(found) + 1) | {"score": float(score)})
    return found


def _annotation(place: int, box: np.ndarray, label: int, number: int) -> dict[str, Any]:
    """Numbers count from 1, since 0 means unmatched to pycocotools."""
    x1, y1, x2, y2 = box.tolist()
    area = (x2 - x1) * (y2 - y1)
    return {"id": number, "image_id": place, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1], "area": area}


def _coco(frames: Sequence[JudgedFrame], num_classes: int, annotations: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": place} for place in range(len(frames))],
        "categories": [{"id": label, "name": str(label)} for label in range(num_classes)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco
