"""One worker in front of the models: what comes while it works waits in line, up to a limit."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vision.errors import UsageError

if TYPE_CHECKING:
    from vision.apis.base import ImageInput
    from vision.structures.forgery import ForgeryResult

T = TypeVar("T")

MAX_BATCH = 8  # images that are judged in one go: the first answers when the last one is done
MAX_RETRY = 60  # seconds


class Busy(Exception):
    """As many wait as may.

    Attributes:
        retry_after: whole seconds until there is probably room.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many requests wait already; try again in {retry_after} s")
        self.retry_after = retry_after


class Closed(Exception):
    """The queue takes nothing more: the server is about to end."""


class Ticket(Generic[T]):
    """A place in the line, and what comes of it.

    Attributes:
        future: of the result, for `asyncio.wrap_future`. Cancel by the ticket, not by this.
        stop: set when nobody wants the result any more; long work looks at it.
    """

    def __init__(self, queue: WorkQueue, work: Callable[[], T] | None, image: Any, stop: threading.Event) -> None:
        self._queue, self.work, self.image, self.stop = queue, work, image, stop
        self.future: Future[T] = Future()

    @property
    def position(self) -> int | None:
        """0 while it runs, k while k come before it, None when it is done or given up."""
        return self._queue.position_of(self)

    def result(self, timeout: float | None = None) -> T:
        """What came of it.

        Raises:
            TimeoutError: it is not done in that many seconds; it goes on.
            concurrent.futures.CancelledError: it was given up.
        """
        try:
            return self.future.result(timeout)
        except CancelledError:
            raise
        except FutureTimeoutError as error:  # the built-in one from Python 3.11 on
            raise TimeoutError(str(error)) from None

    def cancel(self) -> None:
        """Give up: a place in the line is free at once; work that has begun ends when it looks at `stop`."""
        self.stop.set()
        self._queue.forget(self)


class WorkQueue:
    """Runs what it is given in one thread, in turn.

    Args:
        limit: how many may wait beside what runs.
        judge: judges a list of images, for `submit_forgery`.
    """

    def __init__(
        self, limit: int, judge: Callable[[Sequence[ImageInput]], Sequence[ForgeryResult]] | None = None
    ) -> None:
        if limit < 1:
            raise UsageError(f"limit is {limit}; expected at least 1", code="out-of-range", value=limit)
        self.limit, self._judge = limit, judge
        self._changed = threading.Condition()
        self._waiting: deque[Ticket[Any]] = deque()
        self._running: list[Ticket[Any]] = []
        self._is_closed = False
        self._seconds = 1.0  # that one turn takes, lately
        self._thread = threading.Thread(target=self._run, name="models", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many wait."""
        with self._changed:
            return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        with self._changed:
            return not self._waiting and not self._running

    def submit(
        self, work: Callable[[], T], *, cancel: threading.Event | None = None, is_part: bool = False
    ) -> Ticket[T]:
        """Put work at the end of the line.

        Args:
            work: called in the queue's thread.
            cancel: set by who gives up; it becomes the ticket's `stop`.
            is_part: of something that was let in before, which no limit turns away.

        Raises:
            Busy: as many wait as may.
            Closed: nothing more is taken.
        """
        return self._add(Ticket(self, work, None, cancel or threading.Event()), is_part)

    def submit_forgery(self, image: ImageInput, *, cancel: threading.Event | None = None) -> Ticket[ForgeryResult]:
        """Put an image in the line; it is judged in one batch with the others that wait then.

        Raises:
            Busy, Closed: as `submit`.
        """
        return self._add(Ticket(self, None, image, cancel or threading.Event()), False)

    def close(self, timeout: float) -> bool:
        """Take nothing more, and finish what was accepted within so many seconds; the rest is given up.

        Returns:
            Whether all of it was finished.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        is_done = not self._thread.is_alive()
        with self._changed:
            left = [*self._waiting, *self._running]
        for ticket in left:
            ticket.cancel()
        return is_done

    def position_of(self, ticket: Ticket[Any]) -> int | None:
        """See `Ticket.position`."""
        with self._changed:
            if any(ticket is other for other in self._running):
                return None if ticket.future.done() else 0
            place = next((k for k, other in enumerate(self._waiting) if other is ticket), None)
            return None if place is None else place + bool(self._running)

    def forget(self, ticket: Ticket[Any]) -> None:
        """See `Ticket.cancel`."""
        with self._changed:
            self._waiting = deque(other for other in self._waiting if other is not ticket)
        ticket.future.cancel()  # without effect on what runs or is done

    def _add(self, ticket: Ticket[T], is_part: bool) -> Ticket[T]:
        with self._changed:
            if self._is_closed:
                raise Closed("the server is about to end")
            if not is_part and len(self._waiting) >= self.limit:
                turns = len(self._waiting) + 1
                raise Busy(min(MAX_RETRY, max(1, math.ceil(self._seconds * turns))))
            self._waiting.append(ticket)
            self._changed.notify_all()
        return ticket

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                self._running = self._next()
            began = time.perf_counter()
            self._work([t for t in self._running if not t.stop.is_set() and t.future.set_running_or_notify_cancel()])
            with self._changed:
                for ticket in self._running:
                    ticket.future.cancel()  # those that were given up before they began
                self._running = []
                self._seconds += 0.2 * (time.perf_counter() - began - self._seconds)

    def _next(self) -> list[Ticket[Any]]:
        """The first in line; with an image, the other images that wait, too."""
        first = self._waiting.popleft()
        if first.work is not None:
            return [first]
        others = [ticket for ticket in self._waiting if ticket.work is None][: MAX_BATCH - 1]
        for ticket in others:
            self._waiting.remove(ticket)
        return [first, *others]

    def _work(self, tickets: list[Ticket[Any]]) -> None:
        try:
            if not tickets:
                return
            if tickets[0].work is not None:
                results: Sequence[Any] = [tickets[0].work()]
            elif self._judge is None:
                raise UsageError("this queue was made without a function that judges images")
            else:
                results = self._judge([ticket.image for ticket in tickets])
            for ticket, result in zip(tickets, results, strict=True):
                ticket.future.set_result(result)
        except BaseException as error:
            if len(tickets) == 1:
                if not tickets[0].future.done():
                    tickets[0].future.set_exception(error)
                return
            for ticket in tickets:  # what one image does to the batch is no affair of the others
                if not ticket.future.done():
                    self._work([ticket])
