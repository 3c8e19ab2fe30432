"""Work in the server's line, for one user: where it stands, how it is given up, and what went wrong in one sentence."""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from vision.errors import UsageError
from vision.images import ImageError
from vision.serve.page.toolkit import gr
from vision.serve.queue import Busy, Closed, Ticket
from vision.serve.services import Services, Stopped

T = TypeVar("T")
_POLL = 0.2  # seconds
STOPPED = "Stopped."
_FOLDERS = re.compile(r"""(?:/[^\s/:'"<>]+)+/""")  # on the server, before the name of a file


class Line:
    """The line in front of the models as the page uses it: a user has one piece of work in it at a time, per tab.

    Args:
        services: of the server.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self._lock = threading.Lock()
        self._tickets: dict[tuple[str, str], Ticket[Any]] = {}

    def wait(
        self,
        who: tuple[str, str],
        work: Callable[[threading.Event], T],
        doing: Callable[[], str],
        is_part: bool = False,
        is_soft: bool = False,
    ) -> Generator[str, None, T]:
        """Put work in the line and say how it stands until it is done.

        Args:
            who: session and tab.
            work: called with the event that is set when it is given up.
            doing: what to say while it runs.
            is_part: of something that was let in before.
            is_soft: whether the work looks at the event and ends with what it has when time is over.

        Yields:
            A line of text whenever it changes.

        Raises:
            gradio.Error: a sentence for the user.
            CancelledError: it was given up.
        """
        stop = threading.Event()
        with kind_errors():
            ticket = self.services.queue.submit(lambda: work(stop), cancel=stop, is_part=is_part)
        with self._lock:
            previous = self._tickets.get(who)
            self._tickets[who] = ticket
        if previous is not None:
            previous.cancel()
        try:
            return (yield from self._until_done(ticket, doing, is_soft))
        finally:
            if not ticket.future.done():
                ticket.cancel()
            with self._lock:
                if self._tickets.get(who) is ticket:
                    del self._tickets[who]

    def stop(self, session: str, task: str | None = None) -> None:
        """Give up what a session waits for, in one tab or in all."""
        with self._lock:
            mine = [ticket for who, ticket in self._tickets.items() if who[0] == session and task in (None, who[1])]
        for ticket in mine:
            ticket.cancel()

    def _until_done(self, ticket: Ticket[T], doing: Callable[[], str], is_soft: bool) -> Generator[str, None, T]:
        limit = self.services.settings.timeout
        said, began = "", None
        while True:
            with kind_errors():
                try:
                    return ticket.result(_POLL)
                except TimeoutError:
                    pass
            if ticket.stop.is_set() and not is_soft:
                raise CancelledError
            position = ticket.position
            if position == 0 and began is None:
                began = time.monotonic()
            if began is not None and time.monotonic() - began > limit:
                ticket.stop.set()
                if not is_soft:
                    raise gr.Error(f"This took longer than {limit:.0f} seconds and was given up.", **PLAIN)
            text = doing() if not position else place_in_line(position)
            if text != said:
                said = text
                yield text


def told(steps: Generator[str, None, T], status: Any) -> Generator[dict[Any, Any], None, T | None]:
    """Say in a part of the page how work stands.

    Args:
        steps: what `Line.wait` gives.
        status: the part.

    Yields:
        What an event of the page yields.

    Returns:
        The result; None when it was given up, and the page says so.
    """
    try:
        while True:
            yield {status: next(steps)}
    except StopIteration as end:
        return end.value
    except CancelledError:
        yield {status: STOPPED}
        return None
    finally:
        steps.close()  # also when the page is left: the place in the line is free then


PLAIN: dict[str, Any] = {"title": "This did not work", "print_exception": False, "duration": 15}


def place_in_line(before: int) -> str:
    """For one who waits while so many come before."""
    return f"Waiting: {before} before you." if before > 1 else "Waiting: you are next."


class kind_errors:  # used as a function
    """A block whose errors of users become one sentence on the page, without names of files on the server."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, gr.Error | CancelledError | GeneratorExit):
            return
        if isinstance(error, Stopped):
            raise CancelledError from None
        raise sentence_of(error) from error


def sentence_of(error: BaseException) -> gr.Error:
    """What the page says of an error; of one that is not the user's, no details."""
    if isinstance(error, ImageError):
        return refusal(f"The image {error.reason}" if error.reason.startswith("is ") else error.reason)
    if isinstance(error, Busy):
        return refusal(f"Too many are waiting. Try again in {error.retry_after} seconds.")
    if isinstance(error, Closed):
        return refusal("The server is about to end. Try again later.")
    if isinstance(error, UsageError):
        return refusal(_FOLDERS.sub("", str(error)))
    if isinstance(error, MemoryError):
        return refusal("This needs more memory than the server has. Try something smaller.")
    return refusal("Something went wrong on the server. It was not your fault; try again or try another file.")


def refusal(text: str) -> gr.Error:
    """A sentence as an error of the page, which would show markup as such."""
    text = text[:1].upper() + text[1:]
    return gr.Error(html.escape(text if text.endswith((".", "!", "?")) else f"{text}."), **PLAIN)


def session_of(request: gr.Request | None) -> str:
    """Whose work it is; each opened page is a session of its own."""
    return str(getattr(request, "session_hash", None) or "")
