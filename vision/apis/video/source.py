"""What frames come from: one class per kind of source, behind the same few names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from vision.errors import Notice

DEFAULT_FPS = 25.0
MAX_FPS = 1000

# Whether the frame of a number is wanted; the others need not be decoded further than the next frame demands.
Choice = Callable[[int], bool]


class VideoFrame(NamedTuple):
    """One frame of a video.

    Attributes:
        number: from 0; frames that could not be decoded leave a gap.
        time: in seconds from the first frame on.
        image: uint8 RGB `[H, W, 3]`.
        path: of its file, where it has one.
    """

    number: int
    time: float | None
    image: np.ndarray
    path: str | None = None


class Source(ABC):
    """Frames in their order.

    Attributes:
        fps: frames per second.
        count: how many there are, as a header says; None where nothing says it.
        is_counted: whether that is a count of frames, not a length in seconds.
        size: (height, width); None until the first frame where nothing says it.
        is_live: whether it can be read once alone.
        skipped: frames that could not be decoded, in the reading that is going on.
        read: frames that could be, in the same reading.
    """

    fps: float = DEFAULT_FPS
    count: int | None = None
    is_counted = True
    size: tuple[int, int] | None = None
    is_live = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.begin()

    def begin(self) -> None:
        """Forget what was counted."""
        self.skipped, self.read = 0, 0
        self._first_skipped = ""
        self._ended: Notice | None = None

    @abstractmethod
    def frames(self, wanted: Choice) -> Iterator[VideoFrame]:
        """The frames that are wanted, from the first one on.

        Raises:
            UsageError: the source cannot be opened.
        """

    def skip(self, number: int, reason: str) -> None:
        """Count a frame that cannot be decoded."""
        self._first_skipped = self._first_skipped or f"frame {number} ({reason})"
        self.skipped += 1

    def end(self, code: str, text: str) -> None:
        """Note that frames ended before they were expected to."""
        self._ended = Notice(text, code, self.read)

    def notices(self) -> list[Notice]:
        """What is odd about what was read so far."""
        found = [self._ended] if self._ended is not None else []
        if self.skipped:
            found.insert(0, Notice(f"{self.name}: {self.lost()}", "frames-skipped", self.skipped))
        return found

    def lost(self) -> str:
        """How many frames could not be decoded, and why the first could not."""
        what = "1 frame" if self.skipped == 1 else f"{self.skipped} frames"
        return f"{what} could not be decoded and left out, the first was {self._first_skipped}"
