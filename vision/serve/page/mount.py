"""Puts the page into the server's application."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    page = build_page(settings, services)
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
