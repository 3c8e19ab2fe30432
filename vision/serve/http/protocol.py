"""HTTP/1.1 of uvicorn, with bounds on clients that are slow on purpose; it has none on headers and on readers.

What is answered before the app is asked, which uvicorn does in plain text, are problems as RFC 9457 has them, too.
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import suppress

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from vision.serve.http.guard import STREAM
from vision.serve.http.problems import Problem, response_of

HEADER_SECONDS = 20.0  # until the headers of a request are there
READ_SECONDS = 60.0  # that a client may take nothing of an answer
MAX_CONNECTIONS = 256
RETRY_SECONDS = 5


class BoundedProtocol(H11Protocol):
    """Cuts a connection whose request does not begin in time, or of whose answer nothing is taken."""

    _header_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    @property
    def is_answering(self) -> bool:
        """Whether an answer is to come or on its way, but for streams of events, which have no end."""
        return self.cycle is not None and not self.cycle.response_complete and not self._is_stream

    def end_stream(self) -> None:
        """Close the connection if it is a stream of events; what makes the events is told that the client is gone."""
        if self._is_stream:
            self.transport.close()

    @property
    def _is_stream(self) -> bool:
        return self.scope is not None and STREAM in self.scope["state"]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = functools.partial(self._answer, self.app)
        # Writing is paused while any byte waits, not only from 64 KiB on: closing a connection waits for the last one.
        transport.set_write_buffer_limits(high=0)
        self._watch_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_headers()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, and close the connection."""
        problem = response_of(Problem(400, "the request is no HTTP/1.1 that can be read"))
        headers = [*problem.raw_headers, (b"connection", b"close")]
        start = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # no other answer is on its way
            with suppress(h11.LocalProtocolError):  # an answer to HEAD has no body
                for event in (start, h11.Data(data=bytes(problem.body)), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._header_timer, self._read_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if max(len(self.connections), len(self.tasks)) <= MAX_CONNECTIONS:
            await app(scope, receive, send)
            return
        problem = Problem(
            503,
            f"the server has {MAX_CONNECTIONS} connections, as many as it takes; try again in {RETRY_SECONDS} s",
            headers={"retry-after": str(RETRY_SECONDS), "connection": "close"},
        )
        await response_of(problem)(scope, receive, send)

    def _watch_headers(self) -> None:
        is_waiting = self.cycle is None or self.cycle.response_complete
        if is_waiting and self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)
        elif not is_waiting and self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _watch_reader(self) -> None:
        waiting = self.transport.get_write_buffer_size()

        def look() -> None:
            if self.transport.get_write_buffer_size() < waiting:
                self._watch_reader()
            else:
                self.transport.abort()

        self._read_timer = self.loop.call_later(READ_SECONDS, look)
