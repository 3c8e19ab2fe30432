"""Puts the page into the server's application."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from vision.serve.page.corrected import QuietProgress, add_corrected_script
from vision.serve.page.files import private_cache
from vision.serve.page.layout import build_page
from vision.serve.page.style import CSS, theme
from vision.serve.page.toolkit import gr
from vision.serve.services import Services
from vision.serve.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


def mount_page(app: FastAPI, settings: Settings, services: Services) -> None:
    """Mount the page at "/", behind the routes that the application has by now.

    Args:
        app: with its API.
        settings: of the server.
        services: models and the line in front of them.
    """
    cache = private_cache()
    page = build_page(settings, services)
    add_corrected_script(app)
    app.add_middleware(QuietProgress)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        footer_links=[],
        run_history=False,
        show_error=True,
        max_file_size=settings.max_upload,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=CSS,
    )
    _remove_at_end(app, cache)


def _remove_at_end(app: FastAPI, folder: str) -> None:
    """Remove a folder when the application ends: a server that a signal ends does not get as far as `atexit`."""
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(started: FastAPI) -> AsyncIterator[Any]:
        try:
            async with inner(started) as state:
                yield state
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    app.router.lifespan_context = lifespan  # as Gradio sets its own
