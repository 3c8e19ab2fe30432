"""Pairs of frames: of two sources, or of one with both views side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np

from vision.apis.frames import Frames, ImageFolder, VideoFile, open_frames
from vision.errors import UsageError
from vision.images import MAX_PIXELS, WHITE, common_white, read_image
from vision.stereo_io.pairing import pair_names

COUNT_MARGIN = 1  # headers of some files count one frame too many
# Share by which the rates of two videos may differ, as headers round them.
SAME_RATE = 0.01


class StereoFrames:
    """Pairs of frames.

    Two folders are paired by the names of their images (`vision.stereo_io.pairing.pair_names`), two videos frame by
    frame from the first one on.

    Args:
        left: video file or folder of images; with `right` None, the left halves of its frames are the left views.
        right: the same for the right view.
        fps: frames per second instead of what the files say (25 for folders).
        max_pixels: refuse larger frames.

    Attributes:
        names: of the frames of folders, without suffix, such as their time stamps; None for videos, which have none.
        problem: what is odd about the two sources, None if nothing is.
        ended: why the pairs ended before both sources did, or were expected to; None before that, and when nothing is
            wrong.

    Raises:
        UsageError: a source cannot be opened, one is a folder and the other a file, the names in two folders do not
            tell the pairs, or two videos differ in their frames per second and `fps` is None.
    """

    def __init__(self, left: str, right: str | None, fps: float | None = None, max_pixels: int = MAX_PIXELS) -> None:
        self.ended: str | None = None
        self.problem: str | None = None
        self.names: list[str] | None = None
        self._files: list[tuple[str, str]] | None = None
        self._sources: list[Frames] = [open_frames(path, max_pixels) for path in (left, right) if path is not None]
        self._max_pixels = max_pixels
        if right is not None and os.path.isdir(left) != os.path.isdir(right):
            reason = f"{left!r} and {right!r} are a folder and a file; expected two videos or two folders"
            raise UsageError(reason, code="unreadable-video", value=(left, right))
        counts = [source.count for source in self._sources if source.count is not None]
        self.count = min(counts) if counts else None
        self.fps = self._sources[0].fps if fps is None else fps
        folders = [source for source in self._sources if isinstance(source, ImageFolder)]
        if right is not None and len(folders) == 2:
            self._pair_files(left, right, folders)
        elif folders:
            self.names = [file.stem for file in folders[0].paths]
        elif len(self._sources) == 2:
            self._compare_rates(fps)
            if len(set(counts)) > 1:
                self._add_problem(
                    f"the left video has {counts[0]} frames, the right one {counts[1]}; the rest is left out"
                )

    def name_of(self, number: int) -> str:
        """Of a frame: its file's, or its number."""
        return f"{number:06d}" if self.names is None else self.names[number]

    def _pair_files(self, left: str, right: str, folders: list[ImageFolder]) -> None:
        names = [[file.name for file in folder.paths] for folder in folders]
        found = pair_names(names[0], names[1], (left, right))
        self._files = [(os.path.join(left, one), os.path.join(right, other)) for one, other in found.pairs]
        self.names = [os.path.splitext(one)[0] for one, _ in found.pairs]
        self.count = len(self._files)
        if found.note is not None:
            self._add_problem(found.note)
        if any(found.alone):
            counts = f"{len(found.alone[0])} left and {len(found.alone[1])} right frames"
            such = [
                os.path.join(side, name)
                for side, alone in zip((left, right), found.alone, strict=True)
                for name in alone
            ]
            self._add_problem(f"{counts} have no partner of the same name and are left out, such as {such[0]}")

    def _compare_rates(self, fps: float | None) -> None:
        rates = [source.fps for source in self._sources]
        if not all(isinstance(source, VideoFile) for source in self._sources) or rates[0] == rates[1]:
            return
        text = f"the left video has {rates[0]:g} frames per second, the right one {rates[1]:g}"
        if fps is None and abs(rates[0] / rates[1] - 1) > SAME_RATE:
            reason = f"{text}; expected equal rates: convert one of them, or give fps to pair frame with frame"
            raise UsageError(reason, code="frame-rates-differ", value=tuple(rates))
        self._add_problem(f"{text}; frames are paired by their numbers and may drift apart")

    def _add_problem(self, text: str) -> None:
        self.problem = text if self.problem is None else f"{self.problem}; {text}"

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self._files is not None:
            yield from self._read_files(self._files)
            return
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

    def _read_files(self, files: list[tuple[str, str]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        white = self._white(files)
        for left, right in files:
            yield read_image(left, self._max_pixels, white), read_image(right, self._max_pixels, white)

    def _white(self, files: list[tuple[str, str]]) -> int:
        """White of all frames of both views: a frame's own would make it flicker, and a few may all be dark."""
        brightest = 0
        for pair in files:
            brightest = max(brightest, common_white(pair, self._max_pixels))
            if brightest >= WHITE:  # at once where frames have 8 bits
                break
        return brightest


def _halves(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if frame.shape[1] % 2:
        raise UsageError(
            f"frames are {frame.shape[1]} pixels wide; expected two views of one width",
            code="bad-sides",
            value=frame.shape[1],
        )
    half = frame.shape[1] // 2
    return frame[:, :half].copy(), frame[:, half : 2 * half].copy()
