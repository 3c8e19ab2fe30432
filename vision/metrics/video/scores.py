"""Figures of detections in video: COCO-style and VOC, by class, by speed of the objects, on bad frames, by video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vision.metrics.video.coco import THRESHOLDS, CocoMatches
from vision.metrics.video.frames import JudgedFrame, checked_frames
from vision.metrics.video.motion import SPEEDS, is_of_speed, motion_ious
from vision.metrics.video.voc import VocMatches

ALL, DEGRADED = "all", "degraded"
# `ap50` at an overlap of 0.5, `ap` the mean over 0.5, 0.55 ... 0.95; COCO-style, and by the area under VOC's curve.
COLUMNS = ("ap50", "ap", "voc_ap50", "voc_ap")


@dataclass(frozen=True)
class Scores:
    """What was reached on some of the frames and boxes.

    Attributes:
        frames: how many were judged.
        boxes_of: `[classes]` how many were to be found.
        by_class: of each of `COLUMNS`, `[classes]` average precision in 0 to 1, NaN for a class without a box.
    """

    frames: int
    boxes_of: np.ndarray
    by_class: dict[str, np.ndarray]

    @property
    def boxes(self) -> int:
        """How many were to be found, of all classes."""
        return int(self.boxes_of.sum())

    def mean(self) -> dict[str, float]:
        """Mean over the classes that have a box to be found; NaN where none has."""
        return {name: _mean(values) for name, values in self.by_class.items()}


@dataclass(frozen=True)
class VideoScores:
    """Figures of a set of videos.

    Attributes:
        subsets: "all", then what there is of "slow", "medium", "fast" and "degraded".
        videos: by video, in their order.
    """

    subsets: dict[str, Scores]
    videos: dict[str | int, Scores]


def video_scores(
    frames: Sequence[JudgedFrame],
    classes: Sequence[str],
    plus_one: bool = False,
    ious: Sequence[np.ndarray] | None = None,
) -> VideoScores:
    """Judge detections frame by frame.

    By speed, true boxes of other speeds are neither missed nor mistakes to find; wrong detections count for every
    speed. An object that is seen in one frame alone has no speed: it counts in "all" only.

    Args:
        frames: in any order; of frames that come twice, the last counts.
        classes: names of what labels count.
        plus_one: VOC's figures on boxes that end in their last pixels, see `VocMatches`.
        ious: of every frame, `[N]` how its true boxes overlap those of the frames around it; from the frames
            themselves by default, which then have to be all of their videos.

    Raises:
        UsageError: see `checked_frames`.
    """
    order = checked_frames(frames, classes)
    if ious is None:
        ious = frame_motion(order)
    else:
        given = {(frame.video, frame.frame): values for frame, values in zip(frames, ious, strict=True)}
        ious = [given[frame.video, frame.frame] for frame in order]
    judge = _Judge(order, len(classes), plus_one)
    subsets = {ALL: judge.scores()}
    degraded = np.array([frame.degraded for frame in order])
    if degraded.any():
        subsets[DEGRADED] = judge.scores(degraded)
    by_video = {}
    for video, places in places_of_videos(order).items():
        chosen = np.zeros(len(order), bool)
        chosen[places] = True
        by_video[video] = judge.scores(chosen)
    for speed in SPEEDS:
        others = [~is_of_speed(values, speed) for values in ious]
        if any((~frame.truth.ignored & ~other).any() for frame, other in zip(order, others, strict=True)):
            subsets[speed] = _Judge(order, len(classes), plus_one, others).scores()
    return VideoScores({name: subsets[name] for name in (ALL, *SPEEDS, DEGRADED) if name in subsets}, by_video)


def frame_motion(frames: Sequence[JudgedFrame]) -> list[np.ndarray]:
    """Of every frame, how its true boxes overlap those of the same object around it, see `motion_ious`."""
    result = [np.full(len(frame.truth.boxes), np.nan) for frame in frames]
    for places in places_of_videos(frames).values():
        truths = [frames[place].truth for place in places]
        counts = [len(truth.boxes) for truth in truths]
        numbers = np.repeat([frames[place].frame for place in places], counts)
        values = motion_ious(
            numbers,
            _objects(np.concatenate([t.labels for t in truths]), np.concatenate([t.tracks for t in truths])),
            np.concatenate([truth.boxes for truth in truths]),
        )
        for place, part in zip(places, np.split(values, np.cumsum(counts)[:-1]), strict=True):
            result[place] = part
    return result


def places_of_videos(frames: Sequence[JudgedFrame]) -> dict[str | int, list[int]]:
    """Where the frames of each video are."""
    result: dict[str | int, list[int]] = {}
    for place, frame in enumerate(frames):
        result.setdefault(frame.video, []).append(place)
    return result


def _objects(labels: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    """Numbers of objects: some sets count tracks anew for every class."""
    if not len(tracks):
        return tracks
    numbers = np.unique(np.stack([labels, tracks]), axis=1, return_inverse=True)[1].reshape(-1)
    return np.where(tracks < 0, -1, numbers)


class _Judge:
    """Both kinds of figures, the matching done once."""

    def __init__(
        self,
        frames: Sequence[JudgedFrame],
        num_classes: int,
        plus_one: bool,
        ignored: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.coco = CocoMatches(frames, num_classes, ignored)
        self.voc = VocMatches(frames, num_classes, ignored, plus_one)
        self.frames = len(frames)

    def scores(self, chosen: np.ndarray | None = None) -> Scores:
        coco = self.coco.average_precision(chosen)
        voc = self.voc.average_precision(THRESHOLDS, chosen)
        values = (coco[0], coco.mean(0), voc[0], voc.mean(0))
        frames = self.frames if chosen is None else int(chosen.sum())
        return Scores(frames, self.voc.count_truth(chosen), dict(zip(COLUMNS, values, strict=True)))


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
