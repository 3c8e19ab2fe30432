"""A server in this process for tests that open its page, and what they do there again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from vision.serve.http import create_app
from vision.serve.page import mount_page
from vision.serve.services import Services
from vision.serve.settings import Settings
from vision.structures.forgery import ForgeryResult

SECOND = 1000.0


class GatedServices(Services):
    """The real ones, but while `gate` is closed whatever is to be judged waits for it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.gate = threading.Event()
        self.gate.set()

    def forgery(self, images: Sequence[Any]) -> list[ForgeryResult]:
        self.gate.wait(30)
        return super().forgery(images)


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """The address of API and page over services, which are closed at the end."""
    app = create_app(services.settings, services)
    mount_page(app, services.settings, services)
    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    for _ in range(200):
        if running.started:
            break
        time.sleep(0.05)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/"
    running.should_exit = True
    thread.join(10)
    services.close(5)


def give(page: Any, part: str, *paths: Path) -> None:
    """Upload files to a part of the page."""
    page.locator(f"#{part} input[type=file]").first.set_input_files([str(path) for path in paths])


def said(page: Any, task: str, text: str) -> None:
    """Wait until the line of a tab begins so."""
    page.locator(f"#{task}-status", has_text=text).wait_for()
