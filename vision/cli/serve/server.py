"""Runs the server: uvicorn with bounds on its clients, and an end that answers what was accepted."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from vision.cli.process import say
from vision.errors import UsageError
from vision.serve.http import create_app
from vision.serve.http.app import answer_for_page
from vision.serve.http.protocol import BoundedProtocol
from vision.serve.services import Services
from vision.serve.settings import Settings

# From SIGTERM on, of the 30 s that a supervisor waits.
ANSWER_SECONDS = 20.0
CUT_SECONDS = 23
IDLE_SECONDS = 1.0  # without anything to answer, after which streams of events are ended
MAX_HEADER_BYTES = 32 << 10


def serve(settings: Settings) -> int:
    """Serve until the process is told to end; returns 0 if it ends by itself.

    Raises:
        UsageError: the address cannot be bound to.
    """
    listening = _bound(settings)
    services = Services(settings)
    try:
        app = create_app(settings, services)
        has_page = _mount_page(app, settings, services)
        logging.basicConfig(format="%(message)s")
        logging.getLogger("vision.serve.access").setLevel(logging.INFO)
        logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every damaged form
        host, port = listening.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        say(f"vision serve: {'page and API' if has_page else 'API'} at http://{name}:{port}/")
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            log_level="error",  # its warnings are of what clients send
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=CUT_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        _Server(config, app, services).run(sockets=[listening])
    finally:
        listening.close()
        services.close(0)
    return 0


class _Server(uvicorn.Server):
    """Ends so that what was accepted is answered, and what has no end is not waited for."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, services: Services) -> None:
        super().__init__(config)
        self._app, self._services = app, services
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.ensure_future(self._end_streams())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    async def _end_streams(self) -> None:
        # A page keeps streams of events open, by which it also gets what the models still work at.
        loop = asyncio.get_running_loop()
        idle_since = loop.time()
        while True:
            connections = [part for part in self.server_state.connections if isinstance(part, BoundedProtocol)]
            if any(connection.is_answering for connection in connections) or not self._services.queue.is_idle:
                idle_since = loop.time()
            elif loop.time() - idle_since >= IDLE_SECONDS:
                for connection in connections:
                    connection.end_stream()
            await asyncio.sleep(0.1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None and self._app.state.ending.at is None:
            self._app.state.ending.at = self._loop.time() + ANSWER_SECONDS
        super().handle_exit(sig, frame)


def _bound(settings: Settings) -> socket.socket:
    try:
        kind, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=kind, backlog=128)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot listen on {settings.host!r}, port {settings.port} ({reason}); see --host and --port"
        raise UsageError(message, code="bad-address", value=settings.port) from None


def _mount_page(app: FastAPI, settings: Settings, services: Services) -> bool:
    try:
        from vision.serve.page.mount import mount_page
    except ModuleNotFoundError as error:
        say(f"vision serve: the API alone, as {error.name} is missing; pip install 'neighborhood-vision[serve]'")
        return False
    mount_page(app, settings, services)
    answer_for_page(app)
    return True
