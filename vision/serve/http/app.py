"""The app: routes, what guards them, and what happens at start and end."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

import vision
from vision.models.listing import list_backbones, list_models
from vision.serve.http.bodies import ClientGone
from vision.serve.http.guard import OPEN_PATHS, Guard
from vision.serve.http.images import add_forgery, add_stereo
from vision.serve.http.job_routes import add_video
from vision.serve.http.jobs import Jobs
from vision.serve.http.problems import Problem, response_of
from vision.serve.http.problems import documented as problems
from vision.serve.http.record import Recorder
from vision.serve.http.results import documented, json_response
from vision.serve.http.routes import RouteTable
from vision.serve.http.waiting import Ending
from vision.serve.services import Services
from vision.serve.settings import Settings

CLOSE_SECONDS = 3.0  # for what still runs when no client waits any more
GONE = 499  # in the log: the client went away, nobody reads the answer
_log = logging.getLogger("vision.serve")


def create_app(settings: Settings, services: Services) -> FastAPI:
    """The HTTP API over the services; a page can be mounted at "/".

    `app.state.ending.at` is when an answer has to be out, once the server was told to end.

    Args:
        settings: of the server.
        services: closed when the app's lifespan ends.
    """
    jobs, ending = Jobs(services), Ending()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=_warm, args=(services,), name="warm", daemon=True).start()
        yield
        jobs.close()
        await run_in_threadpool(services.close, CLOSE_SECONDS)

    app = FastAPI(
        title="vision",
        version=vision.__version__,
        summary="Judge images, match stereo pairs, follow people in video",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.ending = ending
    recorder, routes = Recorder(services), RouteTable()
    if "forgery" in settings.only:
        add_forgery(app, settings, services, ending)
    if "stereo" in settings.only:
        add_stereo(app, settings, services, ending)
    if "video" in settings.only:
        add_video(app, services, jobs)
    _add_state(app, settings, services, recorder)
    _add_handlers(app)
    routes.read(app)
    if settings.token is not None:
        _describe_token(app)
    app.add_middleware(_guarded, settings=settings, routes=routes, recorder=recorder)
    return app


def answer_for_page(app: FastAPI) -> None:
    """Let what is mounted in the app answer damaged bodies as the API does, where it would fail at them itself."""

    async def on_invalid(request: Request, error: Exception) -> Response:
        # FastAPI answers with the body, which may be no text.
        return response_of(Problem(422, "the request does not hold what this path expects"))

    async def on_form(request: Request, error: Exception) -> Response:
        return response_of(Problem(400, f"the body is no multipart form ({error})"))

    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, FastAPI):
            for kind in (RequestValidationError, LookupError):  # LookupError: a number of what the page does not have
                route.app.add_exception_handler(kind, on_invalid)
            route.app.add_exception_handler(FormParserError, on_form)


def _guarded(app: ASGIApp, settings: Settings, routes: RouteTable, recorder: Recorder) -> ASGIApp:
    return Guard(app, settings, routes, recorder)


def _warm(services: Services) -> None:
    try:
        services.warm()
    except Exception:
        _log.exception("the models cannot be made")


def _add_state(app: FastAPI, settings: Settings, services: Services, recorder: Recorder) -> None:
    text: dict[str, Any] = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
    models: dict[str, Any] = {"type": "array", "items": {"type": "object", "required": ["name", "task"]}}
    refused = problems(400, 401)

    @app.get(
        "/healthz", summary="Whether the server lives", responses={200: documented(text, "it does"), **problems(400)}
    )
    async def healthz() -> Response:
        return json_response({"status": "alive"})

    @app.get(
        "/readyz",
        summary="Whether the models are there",
        responses={200: documented(text, "they are"), **problems(400, 503)},
    )
    async def readyz() -> Response:
        if not services.is_ready:
            raise Problem(503, "the models are being loaded", headers={"retry-after": "5"})
        return json_response({"status": "ready"})

    @app.get(
        "/v1/models",
        summary="Models and backbones",
        responses={200: documented(models, "what `vision models --json` prints, without folders"), **refused},
    )
    async def list_all() -> Response:
        return json_response(await run_in_threadpool(_models))

    @app.get(
        "/metrics",
        summary="Figures for Prometheus",
        responses={200: {"description": "text", "content": {"text/plain": {"schema": {"type": "string"}}}}, **refused},
    )
    async def metrics() -> Response:
        return Response(recorder.text(), media_type="text/plain; version=0.0.4")


def _models() -> list[dict[str, Any]]:
    """Records of the command, with names of files in place of where they are on this machine."""
    records = [*list_models(), *list_backbones()]
    return [
        record | {key: Path(record[key]).name for key in ("weights", "card") if record.get(key)} for record in records
    ]


def _describe_token(app: FastAPI) -> None:
    """Let OpenAPI say which requests have to bring the token, and how."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        document.setdefault("components", {})["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "the token of this server"},
            "password": {"type": "http", "scheme": "basic", "description": "any user name; the token as the password"},
        }
        document["security"] = [{"bearer": []}, {"password": []}]
        for path in OPEN_PATHS:
            document["paths"][path]["get"]["security"] = []
        return document

    app.openapi = described  # type: ignore[method-assign]


def _add_handlers(app: FastAPI) -> None:
    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        return response_of(error)

    async def on_gone(request: Request, error: Exception) -> Response:
        return Response(status_code=GONE)

    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: on_http,
        StarletteHTTPException: on_http,
        ClientGone: on_gone,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
