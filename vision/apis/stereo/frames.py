"""Pairs of frames: of two sources, or of one with both views side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np

from vision.apis.frames import Frames, open_frames
from vision.images import MAX_PIXELS

COUNT_MARGIN = 1  # headers of some files count one frame too many


class StereoFrames:
    """Pairs of frames.

    Args:
        left: video file or folder of images; with `right` None, the left halves of its frames are the left views.
        right: the same for the right view.
        fps: frames per second instead of what the file says (25 for folders).
        max_pixels: refuse larger frames.

    Attributes:
        ended: why the pairs ended before both sources did, or were expected to; None before that, and when nothing is
            wrong.

    Raises:
        UsageError: a source cannot be opened, or one is a folder and the other a file.
    """

    def __init__(self, left: str, right: str | None, fps: float | None = None, max_pixels: int = MAX_PIXELS) -> None:
        self._sources: list[Frames] = [open_frames(path, max_pixels) for path in (left, right) if path is not None]
        self.ended: str | None = None
        self.fps = fps if fps is not None else self._sources[0].fps
        counts = [source.count for source in self._sources if source.count is not None]
        self.count = min(counts) if counts else None
        self.problem = None
        if len(set(counts)) > 1:
            self.problem = f"the left video has {counts[0]} frames, the right one {counts[1]}; the rest is left out"

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        pairs = zip_longest(*self._sources) if len(self._sources) == 2 else map(_halves, self._sources[0])
        number = 0
        for number, (left, right) in enumerate(pairs, start=1):
            if left is None or right is None:
                side, other = ("left", "right") if left is None else ("right", "left")
                if self.problem is None:  # else it was told before
                    self.ended = f"the {side} video ends after {number - 1} frames, the {other} one goes on"
                return
            yield left, right
        if self.count is not None and number < self.count - COUNT_MARGIN:
            self.ended = f"{number} of {self.count} frames could be read; is a file cut off?"


def _halves(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = frame.shape[1] // 2
    return frame[:, :half].copy(), frame[:, half : 2 * half].copy()
