"""The video of -o: as many frames as the input has, each with the boxes that hold for it."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType

import numpy as np

from vision.apis.video.sink import VideoSink
from vision.structures.video import VideoResult
from vision.visualization.video import draw_frame

_JITTER = 2.0  # frames by which time stamps may be early without being those of another clock


class DrawnVideo:
    """Draws frame after frame and counts them.

    Frames that could not be read are filled with the one before them (the first ones with the first that could), so
    that the video has as many frames as the input.

    Args:
        sink: takes the frames, and is closed at the end.
        step: seconds between two frames, where nothing says it.
    """

    def __init__(self, sink: VideoSink, step: float) -> None:
        self._sink, self._step = sink, step
        self._next = 0
        self._time = 0.0
        self._start: float | None = None
        self._shown: np.ndarray | None = None

    def __enter__(self) -> DrawnVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.close()

    def add(
        self, number: int, time: float | None, image: np.ndarray, result: VideoResult | None, is_held: bool
    ) -> None:
        """Draw a frame of the input.

        Args:
            number: of the frame among those of the input, from 0.
            time: in seconds.
            image: uint8 RGB `[H, W, 3]`.
            result: what to draw, None for nothing.
            is_held: whether the result is that of a frame before it.
        """
        drawn = image
        if result is not None and result.error is None:
            drawn = draw_frame(image, _moved(result, image), held=is_held)
        now = self._now(number, time)
        self._fill(number - self._next, now, drawn if self._shown is None else self._shown)
        self._sink.write(drawn, now)
        self._shown, self._next, self._time = drawn, number + 1, now + self._step

    def fill(self, frames: int) -> None:
        """Frames at the end that could not be read."""
        if self._shown is not None:
            self._fill(frames, self._time + self._step * frames, self._shown)

    def _now(self, number: int, time: float | None) -> float:
        """The time of a frame in the video, which begins at 0, also one that goes on from another."""
        if time is None:
            return self._step * number
        if self._start is None:
            self._start = time - self._step * number
        if time - self._start < self._time - _JITTER * self._step:
            # The clock began anew, as in recordings that were put together: the video goes on where it was.
            self._start = time - self._time - self._step * (number - self._next)
        return time - self._start

    def _fill(self, frames: int, until: float, image: np.ndarray) -> None:
        for place in range(frames):
            self._sink.write(image, self._time + (until - self._time) * place / frames)


def _moved(result: VideoResult, image: np.ndarray) -> VideoResult:
    """A result whose boxes lie in a frame of perhaps another size."""
    size = (image.shape[0], image.shape[1])
    if result.size is None or result.size == size:
        return result
    scale = np.array([size[1] / result.size[1], size[0] / result.size[0]] * 2, np.float32)
    return replace(result, size=size, boxes=result.boxes * scale)
