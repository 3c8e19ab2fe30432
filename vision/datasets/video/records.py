"""Videos, frames and boxes as plain dicts, in the form that mmdet's pipelines for videos take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Record = dict[str, Any]


@dataclass
class Problems:
    """What is odd about the annotations of a data set, counted, so that one line says it."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, example: str, count: int = 1) -> None:
        """Count one more of a kind; the first example is kept."""
        if count:
            self.counts[kind] = self.counts.get(kind, 0) + count
            self.examples.setdefault(kind, example)

    def lines(self) -> list[str]:
        """One line per kind, with its number and an example."""
        return [f"{count} {kind}, such as {self.examples[kind]}" for kind, count in self.counts.items()]


def instance_record(box: Sequence[float], label: int, track: int, is_ignored: bool = False) -> Record:
    """A box of a frame.

    Args:
        box: x1, y1, x2, y2 in pixels.
        label: index of the class.
        track: number of the track within its video, from 0.
        is_ignored: neither to be found nor wrong if it is found.
    """
    return {
        "bbox": [float(value) for value in box],
        "bbox_label": int(label),
        "instance_id": int(track),
        "ignore_flag": int(is_ignored),
    }


def frame_record(
    number: int,
    path: str | os.PathLike[str],
    size: tuple[int, int],
    instances: Iterable[Record] = (),
    image_id: int | None = None,
    is_train_frame: bool = True,
    is_degraded: bool = False,
) -> Record:
    """A frame of a video.

    Args:
        number: by which the annotations know it; frames are ordered by it.
        path: of its file.
        size: height and width.
        instances: of `instance_record`.
        image_id: of the whole data set; by default `video_record` leaves it to the data set.
        is_train_frame: whether it may be a key frame of training.
        is_degraded: whether it is blurred, out of focus or the like; for scores of such frames.
    """
    return {
        "img_id": image_id,
        "frame_number": int(number),
        "img_path": os.fspath(path),
        "height": int(size[0]),
        "width": int(size[1]),
        "is_train_frame": bool(is_train_frame),
        "degraded": bool(is_degraded),
        "instances": list(instances),
    }


def video_record(video_id: int, name: str, frames: Iterable[Record], problems: Problems | None = None) -> Record:
    """A video of frames of `frame_record`, ordered by their numbers.

    Every frame gets `video_id`, `video_name` and `frame_id`, its place from 0: models begin a video at frame 0 and
    trackers end it at `video_length - 1`, whatever numbers the annotations have. Of frames with the same number the
    first is taken.

    Args:
        video_id: unique in its data set.
        name: of the video.
        frames: in any order.
        problems: counts frames whose number comes twice, and numbers that are missing in between.
    """
    problems = Problems() if problems is None else problems
    found: dict[int, Record] = {}
    for frame in frames:
        number = frame["frame_number"]
        if found.setdefault(number, frame) is not frame:
            problems.add("frames come twice and are left out the second time", f"frame {number} of video {name}")
    images = [found[number] for number in sorted(found)]
    for place, frame in enumerate(images):
        frame.update(frame_id=place, video_id=video_id, video_name=name)
    _count_gaps(images, name, problems)
    return {"video_id": video_id, "video_name": name, "video_length": len(images), "images": images}


def _count_gaps(images: list[Record], name: str, problems: Problems) -> None:
    for before, after in pairwise(images):
        missing = after["frame_number"] - before["frame_number"] - 1
        if missing:
            first = before["frame_number"] + 1
            problems.add("frames are missing between others", f"frame {first} of video {name}", missing)
