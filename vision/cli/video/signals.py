"""Ctrl-C and SIGTERM between frames: what belongs to one frame is done whole before they end the run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # not all systems have all


@contextmanager
def ending_between_frames() -> Iterator[WholeFrame]:
    """Let signals that end the program wait inside of the block's `with frame:`; elsewhere they act at once.

    So a wait for a camera can be ended, but the memory never holds a frame whose lines were not written. The second
    signal does not wait.
    """
    frame = WholeFrame()
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
            handler = signal.getsignal(number)
            if callable(handler):  # one that is ignored stays so
                frame.handlers[number] = handler
    for number in frame.handlers:
        signal.signal(number, frame.receive)
    try:
        yield frame
    finally:
        for number, handler in frame.handlers.items():
            if signal.getsignal(number) == frame.receive:  # who ended the run may have silenced it
                signal.signal(number, handler)


class WholeFrame:
    """A context for what belongs to one frame.

    Attributes:
        handlers: what acts on each signal.
        is_torn: whether a frame was begun and not ended.
    """

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self.is_torn = False
        self._holds = False
        self._waiting: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> None:
        self.is_torn = self._holds = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holds = False
        if error is not None:
            return
        self.is_torn = False
        if self._waiting is not None:
            number, place = self._waiting
            self._waiting = None
            self.handlers[number](number, place)

    def receive(self, number: int, place: FrameType | None) -> None:
        """A signal came."""
        if self._holds and self._waiting is None:
            self._waiting = (number, place)
        else:
            self.handlers[number](number, place)
