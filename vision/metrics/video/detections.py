"""Files of detections, as `vision video` writes them, and what they are worth on sequences with true boxes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vision.errors import UsageError
from vision.lists import read_list
from vision.metrics.video.frames import JudgedFrame
from vision.metrics.video.scores import VideoScores, video_scores
from vision.metrics.video.sequences import TrueSequence
from vision.structures.video import Detections

SUFFIXES = (".txt", ".jsonl")
ByFrame = Mapping[int, Detections]


def score_detections(
    sequences: Sequence[TrueSequence], found: Mapping[str, ByFrame], classes: Sequence[str]
) -> VideoScores:
    """Judge detections on all frames of sequences; of a frame that is not in `found`, nothing was found.

    Args:
        sequences: what is true.
        found: of each sequence by its name, detections by the place of the frame, from 0.
        classes: what labels name.

    Raises:
        UsageError: nothing is known of a sequence, or it has detections on more frames than it has; see also
            `video_scores`.
    """
    frames = []
    for sequence in sequences:
        if sequence.name not in found:
            raise UsageError(f"no detections of the sequence {sequence.name}; there are {', '.join(found) or 'none'}")
        of_sequence = found[sequence.name]
        beyond = sorted(set(of_sequence) - set(sequence.truth))
        if beyond:
            raise UsageError(
                f"detections on frame {beyond[0] + 1} of {sequence.name}, counted from 1, which has "
                f"{len(sequence.truth)} frames; expected those of the same video"
            )
        for place, truth in sequence.truth.items():
            one = of_sequence.get(place, Detections.none())
            frames.append(JudgedFrame(sequence.name, place, truth, *one, degraded=place in sequence.degraded))
    return video_scores(frames, classes)


def read_detections(path: str | os.PathLike[str], classes: Sequence[str], origin: float = 0.0) -> dict[int, Detections]:
    """Detections of one video by the place of the frame, from 0.

    Args:
        path: MOT's columns (`--mot` of `vision video`), which know no classes: all are of the first; or a .jsonl with
            a line per frame (`--jsonl`), of which other classes than those named are left out.
        classes: what labels name; where there is one, "person" and "pedestrian" are the same.
        origin: coordinate of the frame's first pixel in MOT's columns: 0 as `vision video` writes it, 1 in files of
            MOTChallenge.

    Raises:
        UsageError: it cannot be read, or a line is another; the message names it.
    """
    text = read_list(path, "a file of detections").decode(errors="replace")
    return parse_detections(os.fspath(path), text, classes, origin)


def parse_detections(name: str, text: str, classes: Sequence[str], origin: float = 0.0) -> dict[int, Detections]:
    """The same of a text; what ends in .jsonl by its name is JSON."""
    rows: dict[int, list[tuple[list[float], float, int]]] = {}
    is_json = Path(name).suffix.lower() == ".jsonl"
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                place, boxes = _json_boxes(line, classes) if is_json else _mot_box(line, origin)
            except (ValueError, TypeError, KeyError, RecursionError):
                expected = "a frame of `vision video --jsonl`" if is_json else "frame,id,x,y,width,height,score"
                raise UsageError(
                    f"{name}, line {number}: {line.strip()[:80]!r}; expected {expected}", code="bad-list", value=name
                ) from None
            rows.setdefault(place, []).extend(boxes)
    return {place: _detections(boxes) for place, boxes in rows.items()}


def _mot_box(line: str, origin: float) -> tuple[int, list[tuple[list[float], float, int]]]:
    values = [float(text) for text in line.replace(",", " ").split()]
    frame, _, x, y, width, height, score = values[:7]
    if not all(map(math.isfinite, values[:7])) or frame < 1 or frame != int(frame):
        raise ValueError(line)
    left, top = x - origin, y - origin
    return int(frame) - 1, [([left, top, left + width, top + height], score, 0)]


def _json_boxes(line: str, classes: Sequence[str]) -> tuple[int, list[tuple[list[float], float, int]]]:
    record: dict[str, Any] = json.loads(line)
    boxes = []
    for one in record["objects"]:
        box, label = [float(edge) for edge in one["box"]], label_of(str(one["label"]), classes)
        if len(box) != 4 or not all(map(math.isfinite, [*box, float(one["score"])])):
            raise ValueError(line)
        if label is not None:
            boxes.append((box, float(one["score"]), label))
    return int(record["frame"]), boxes


def label_of(name: str, classes: Sequence[str]) -> int | None:
    """The label of a class; None if it is no class of these. Where there is one, a pedestrian is a person."""
    if len(classes) == 1 and {name, classes[0]} <= {"person", "pedestrian"}:
        return 0
    return classes.index(name) if name in classes else None


def _detections(boxes: list[tuple[list[float], float, int]]) -> Detections:
    if not boxes:
        return Detections.none()
    corners, scores, labels = zip(*boxes, strict=True)
    return Detections(np.array(corners, np.float32), np.array(scores, np.float32), np.array(labels, np.int64))
