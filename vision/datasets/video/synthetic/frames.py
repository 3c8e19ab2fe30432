"""Frames of generated clips as arrays, for training that wants no data set of videos."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from vision.datasets.video.synthetic.clip import LEAST_VISIBLE
from vision.datasets.video.synthetic.maker import clip_maker, require


class MadeFrame(NamedTuple):
    """A frame uint8 RGB `[H, W, 3]`, boxes xyxy `[N, 4]`, labels `[N]`, and regions `[K, 4]` that are not judged."""

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray


class SyntheticFrames:
    """Makes a new clip each time, and a few frames of it, the first of which is the key frame.

    Args:
        num_frames: length of the clips; the frames are any of it.
        min_visibility: an object of which a smaller share is seen is neither to be found nor wrong if it is found.
        arguments: of `clip_maker`; `classes` is "people" unless it is given. A crowd is `objects=(10, 30)`.

    Raises:
        UsageError: see `clip_maker`.
    """

    def __init__(self, num_frames: int = 30, min_visibility: float = LEAST_VISIBLE, **arguments: Any) -> None:
        require(
            ("num_frames", num_frames, num_frames >= 1, "at least 1"),
            ("min_visibility", min_visibility, 0 <= min_visibility <= 1, "0 to 1"),
        )
        self.num_frames, self.min_visibility = num_frames, min_visibility
        self.maker = clip_maker(**{"classes": "people", **arguments})

    def __call__(self, rng: np.random.Generator, count: int) -> list[MadeFrame]:
        """`count` frames of a clip that the generator decides."""
        clip = self.maker.make((int(rng.integers(2**62)),), self.num_frames)
        frames = []
        for number in rng.integers(self.num_frames, size=count).tolist():
            objects = clip.objects(number)
            sure = objects.visibility >= self.min_visibility
            frames.append(
                MadeFrame(clip.frame(number), objects.boxes[sure], objects.labels[sure], objects.boxes[~sure])
            )
        return frames
