"""Whether the frames of a stream come in their order, at one rate and in one size; each oddity is told once."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Any

from vision.errors import Notice

# Steps of time whose median is compared with that of the first so many: one lost frame changes neither.
RATE_STEPS = 9
# Share by which it may differ: time stamps are rounded to milliseconds, and phones vary their rate a little.
SAME_RATE = 0.25


class FrameOrder:
    """Numbers, times and sizes of the frames so far.

    Attributes:
        next: number of the frame to come, where nobody says it.
    """

    def __init__(self) -> None:
        self.next = 0
        self._number: int | None = None
        self._time: float | None = None
        self._size: tuple[int, int] | None = None
        self._first_steps: list[float] = []
        self._steps: deque[float] = deque(maxlen=RATE_STEPS)
        self._told: set[str] = set()

    def check(self, number: int, time: float | None, size: tuple[int, int] | None) -> list[Notice]:
        """Count a frame, and tell what is odd about it for the first time.

        Args:
            number: of the frame.
            time: in seconds, None where nobody says it.
            size: (height, width), None for a frame that could not be read.
        """
        found = [self._place(number, time), self._rate(time), self._changed_size(size)]
        self.next = max(self.next, number + 1)
        self._number = number
        if time is not None:
            self._time = time
        if size is not None:
            self._size = size
        new = [notice for notice in found if notice is not None and notice.code not in self._told]
        self._told.update(notice.code for notice in new)
        return new

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "next": self.next,
            "number": self._number,
            "time": self._time,
            "size": None if self._size is None else list(self._size),
            "first_steps": list(self._first_steps),
            "steps": list(self._steps),
            "told": sorted(self._told),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FrameOrder:
        """Of what `state` gave.

        Raises:
            ValueError, TypeError, KeyError: it is no such thing.
        """
        order = cls()
        order.next = int(state["next"])
        order._number = None if state["number"] is None else int(state["number"])
        order._time = None if state["time"] is None else float(state["time"])
        if state["size"] is not None:
            height, width = state["size"]
            order._size = (int(height), int(width))
        order._first_steps = [float(step) for step in state["first_steps"]][:RATE_STEPS]
        order._steps.extend(float(step) for step in state["steps"])
        order._told = {str(code) for code in state["told"]}
        return order

    def _place(self, number: int, time: float | None) -> Notice | None:
        if self._number is not None and number <= self._number:
            return _misplaced("number", number, self._number)
        if time is not None and self._time is not None and time <= self._time:
            return _misplaced("time", time, self._time)
        return None

    def _rate(self, time: float | None) -> Notice | None:
        if time is None or self._time is None or time <= self._time:
            return None
        step = time - self._time
        if len(self._first_steps) < RATE_STEPS:
            self._first_steps.append(step)
            return None
        self._steps.append(step)
        before, now = statistics.median(self._first_steps), statistics.median(self._steps)
        if len(self._steps) < RATE_STEPS or abs(now / before - 1) <= SAME_RATE:
            return None
        text = f"frames came {1 / before:.3g} times a second, and come {1 / now:.3g} times now; tracks may break there"
        return Notice(text, "rate-changed", (before, now))

    def _changed_size(self, size: tuple[int, int] | None) -> Notice | None:
        if size is None or self._size is None or size == self._size:
            return None
        (height, width), (new_height, new_width) = self._size, size
        text = (
            f"frames of {width} x {height} pixels become {new_width} x {new_height}; boxes are in pixels of their frame"
        )
        return Notice(text, "size-changed", (self._size, size))


def _misplaced(what: str, new: float, last: float) -> Notice:
    if new == last:
        text = f"a frame has the {what} {new:g} of the frame before it; it was taken as one more frame"
        return Notice(text, "frame-twice", new)
    text = f"a frame has the {what} {new:g} after one with {last:g}; frames are taken in the order in which they come"
    return Notice(text, "frames-out-of-order", (last, new))
