"""What of Gradio would write to the visitor's console, mended where the page is served."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

from vision.serve.page.toolkit import gr

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Of minified text, whose names change from one version to the next.
_CORRECTIONS = (
    # The end of each upload closes the stream that told its progress, which has no such method and warns of that.
    # Nothing is to be closed: the server has ended that stream by then.
    (r"close:\(\)=>\{console\.warn\(`Method not implemented\.`\)\}", "close:()=>{}"),
    # A page that is left ends the stream of its results, on purpose, and then reports that as an error.
    (r"onerror=async function\((\w+)\)\{", r"onerror=async function(\1){if(\1?.name===`AbortError`)return;"),
)


def add_corrected_script(app: FastAPI) -> None:
    """Answer for the script that holds the faults, before Gradio does; a version without them is left alone.

    Args:
        app: to which the page will be added.
    """
    for path in Path(gr.__file__).parent.glob("templates/frontend/assets/index-*.js"):
        script = path.read_text(encoding="utf-8")
        mended = corrected(script)
        if mended != script:
            app.add_api_route(f"/assets/{path.name}", _answer(mended), methods=["GET"], include_in_schema=False)


def corrected(script: str) -> str:
    """The script without the faults.

    Args:
        script: of Gradio, minified.
    """
    for pattern, replacement in _CORRECTIONS:
        script = re.sub(pattern, replacement, script)
    return script


def _answer(script: str) -> Callable[[], Response]:
    body = script.encode()
    return lambda: Response(body, media_type="text/javascript", headers={"cache-control": "max-age=3600"})


class QuietProgress:
    """An ASGI middleware: who asks how far a refused upload is learns that it is over, not that it is unknown.

    Gradio asks even for what it does not send, because it is too large, and reports the answer as an error.

    Args:
        app: with the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/gradio_api/upload_progress"):
            await self.app(scope, receive, send)
            return
        is_unknown = False

        async def quiet(message: Message) -> None:
            nonlocal is_unknown
            is_unknown = is_unknown or message.get("status") == 404
            if not is_unknown:
                await send(message)

        await self.app(scope, receive, quiet)
        if is_unknown:
            await Response(b'data: {"msg": "done"}\n\n', media_type="text/event-stream")(scope, receive, send)
