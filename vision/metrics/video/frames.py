"""What a metric of detections in video works on: one frame with its true boxes and those that were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision.errors import UsageError


@dataclass(frozen=True)
class FrameTruth:
    """The true boxes of a frame.

    Attributes:
        boxes: `[N, 4]` x1, y1, x2, y2 in pixels.
        labels: `[N]` index of the class.
        tracks: `[N]` number of the object within its video, below 0 if unknown; all unknown by default.
        ignored: `[N]` boxes that need not be found; finding them is no mistake either. None by default.
    """

    boxes: np.ndarray
    labels: np.ndarray
    tracks: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    ignored: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        count = _set_boxes(self, "boxes")
        _set_column(self, "labels", np.int64, count)
        for name, kind, value in (("tracks", np.int64, -1), ("ignored", bool, False)):
            given = getattr(self, name)
            object.__setattr__(self, name, np.full(count, value, kind) if len(given) == 0 else given)
            _set_column(self, name, kind, count)


@dataclass(frozen=True)
class JudgedFrame:
    """A frame, its truth, and what a detector found.

    Attributes:
        video: name or number of the video.
        frame: number of the frame in it.
        truth: its true boxes.
        boxes: `[N, 4]` x1, y1, x2, y2 in pixels of the same image.
        scores: `[N]`.
        labels: `[N]` index of the class.
        degraded: whether the frame is blurred, dark or otherwise bad, which is judged apart.
    """

    video: str | int
    frame: int
    truth: FrameTruth
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    degraded: bool = False

    def __post_init__(self) -> None:
        count = _set_boxes(self, "boxes")
        _set_column(self, "scores", np.float64, count)
        _set_column(self, "labels", np.int64, count)


def checked_frames(frames: Sequence[JudgedFrame], classes: Sequence[str]) -> list[JudgedFrame]:
    """Each frame once, the last of those that come twice, sorted by video and frame.

    Raises:
        UsageError: a label has no class, a box or score is no finite number, or no frame has a true box to be found.
    """
    if not classes:
        raise UsageError("no classes; expected the names of those that labels count")
    unique = {(frame.video, frame.frame): frame for frame in frames}
    for frame in unique.values():
        _check(frame, classes)
    if not any((~frame.truth.ignored).any() for frame in unique.values()):
        raise UsageError(
            f"none of {len(unique)} frames has a true box of {', '.join(classes[:10])}; "
            "expected annotations of what is to be found"
        )
    return [unique[key] for key in sorted(unique, key=lambda key: (str(type(key[0])), *key))]


def _check(frame: JudgedFrame, classes: Sequence[str]) -> None:
    place = f"video {frame.video}, frame {frame.frame}"
    for kind, labels in (("true", frame.truth.labels), ("found", frame.labels)):
        bad = labels[(labels < 0) | (labels >= len(classes))]
        if len(bad):
            raise UsageError(
                f"{place}: a {kind} box has the label {bad[0]}; expected 0 to {len(classes) - 1} for "
                f"{', '.join(classes[:10])}{', ...' * (len(classes) > 10)}",
                value=int(bad[0]),
            )
    for kind, values in (("true box", frame.truth.boxes), ("found box", frame.boxes), ("score", frame.scores)):
        if not np.isfinite(values).all():
            raise UsageError(f"{place}: a {kind} is nan or infinite", code="not-a-number")


def _set_boxes(owner: Any, name: str) -> int:
    boxes = np.asarray(getattr(owner, name), np.float64)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise UsageError(f"{name} is {boxes.shape}; expected [N, 4], two corners of each box", value=boxes.shape)
    object.__setattr__(owner, name, boxes)
    return len(boxes)


def _set_column(owner: Any, name: str, kind: Any, count: int) -> None:
    column = np.asarray(getattr(owner, name), kind)
    if column.shape != (count,):
        raise UsageError(f"{name} is {column.shape}; expected ({count},), one of each box", value=column.shape)
    object.__setattr__(owner, name, column)
