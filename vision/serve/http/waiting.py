"""Waiting for a model without forgetting who waits: clients go away, time runs out, servers end."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from starlette.requests import Request

from vision.errors import UsageError
from vision.serve.http.bodies import ClientGone
from vision.serve.http.problems import Problem
from vision.serve.queue import Busy, Closed, Ticket
from vision.serve.services import Stopped

T = TypeVar("T")
_LOOK = 0.5  # seconds between looks at the server's end


class Ending:
    """Until when a server that was told to end goes on answering: `at`, of the event loop's clock, or None."""

    at: float | None = None


async def answer_of(request: Request, ticket: Ticket[T], timeout: float, ending: Ending) -> T:
    """The result of a ticket. However this ends, a ticket that is not done is given up.

    Raises:
        Problem: 503, the time is over or the server ends.
        ClientGone: nobody waits any more.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    future = asyncio.wrap_future(ticket.future)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        while not future.done():
            wait: set[asyncio.Future[Any]] = {future, gone}
            now = loop.time()
            if gone.done():
                raise ClientGone
            if now >= deadline:
                raise Problem(503, f"there was no result within {timeout:g} s, the limit of this server")
            if ending.at is not None and now >= ending.at:
                raise Problem(503, "the server ends")
            await asyncio.wait(wait, timeout=min(_LOOK, deadline - now), return_when=asyncio.FIRST_COMPLETED)
        if future.cancelled():
            raise Problem(503, "the server ends")
        return future.result()
    except Stopped:
        raise Problem(503, "the server ends") from None
    except UsageError as error:
        raise Problem.of(error) from None
    finally:
        gone.cancel()
        if not future.done():
            ticket.cancel()


def refusal_of(error: Busy | Closed) -> Problem:
    """What a client hears for whom there is no room."""
    if isinstance(error, Busy):
        return Problem(429, str(error), headers={"retry-after": str(error.retry_after)})
    return Problem(503, "the server ends", headers={"retry-after": "30"})


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
