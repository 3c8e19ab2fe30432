"""What is found in the frames of a video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from vision.errors import Notice

NO_TRACK = -1


class Detections(NamedTuple):
    """What a network finds in one frame.

    Attributes:
        boxes: float32 `[N, 4]`, left, top, right and bottom edge in pixels of the frame.
        scores: float32 `[N]`, 0 to 1.
        labels: int64 `[N]`, places in the network's `classes`.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    @classmethod
    def none(cls) -> Detections:
        """Nothing found."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def chosen(self, keep: np.ndarray) -> Detections:
        """Those that a mask or an array of places keeps."""
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep])


@dataclass
class VideoResult:
    """What is found in one frame, or why nothing was looked for.

    Attributes:
        path: of the frame's file, as it was given; "frame 0", "frame 1" ... for arrays.
        frame: its number in the stream, from 0.
        time: of the frame in seconds, None where nobody said it.
        size: (height, width) of the frame in pixels, None for one that could not be read.
        boxes: float32 `[N, 4]`, left, top, right and bottom edge in pixels of the frame.
        scores: float32 `[N]`, 0 to 1.
        labels: int64 `[N]`, places in `classes`.
        track_ids: int64 `[N]`, the same for the same thing in all frames; -1 for what belongs to no track (yet).
        classes: names of all classes that the network knows.
        warnings: what is odd about the frame or the stream, one line each, which knows its kind
            (`vision.errors.Notice`). What goes on from frame to frame is told once.
        error: why there is no result, in one line, a `Notice` too; None when there is one.
        seconds: that detecting took.
    """

    path: str
    frame: int
    time: float | None = None
    size: tuple[int, int] | None = None
    boxes: np.ndarray = field(default_factory=lambda: Detections.none().boxes, repr=False, compare=False)
    scores: np.ndarray = field(default_factory=lambda: Detections.none().scores, repr=False, compare=False)
    labels: np.ndarray = field(default_factory=lambda: Detections.none().labels, repr=False, compare=False)
    track_ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False, compare=False)
    classes: tuple[str, ...] = field(default=(), repr=False)
    warnings: list[str] = field(default_factory=list)
    error: Notice | None = None
    seconds: float | None = field(default=None, compare=False)

    def __len__(self) -> int:
        """How many things were found."""
        return len(self.boxes)

    def __bool__(self) -> bool:
        """A result is one, also with nothing in it."""
        return True

    def name_of(self, label: int) -> str:
        """Name of a class; one that the network does not name goes by its number."""
        return self.classes[label] if 0 <= label < len(self.classes) else f"class {label}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, always with the same fields; `track` of an object is None where it belongs to none."""
        height, width = self.size or (None, None)
        objects = [
            {
                "box": [round(float(edge), 2) for edge in box],
                "score": round(float(score), 4),
                "label": self.name_of(int(label)),
                "track": None if track == NO_TRACK else int(track),
            }
            for box, score, label, track in zip(self.boxes, self.scores, self.labels, self.track_ids, strict=True)
        ]
        return {
            "path": self.path,
            "frame": self.frame,
            "time": None if self.time is None else round(self.time, 4),
            "width": width,
            "height": height,
            "objects": objects,
            "seconds": None if self.seconds is None else round(self.seconds, 4),
            "warnings": [str(warning) for warning in self.warnings],
            "error": self.error and str(self.error),
        }
