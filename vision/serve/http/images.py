"""POST /v1/forgery and /v1/stereo: files in, one record out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from vision.serve.http.bodies import form_of
from vision.serve.http.problems import Problem
from vision.serve.http.problems import documented as problems
from vision.serve.http.results import (
    FORGERY_FIELDS,
    STEREO_FIELDS,
    documented,
    forgery_record,
    form_schema,
    json_response,
    record_schema,
    stereo_record,
)
from vision.serve.http.waiting import Ending, answer_of, refusal_of
from vision.serve.queue import Busy, Closed
from vision.serve.services import Services
from vision.serve.settings import Settings

if TYPE_CHECKING:
    from vision.geometry import StereoCalibration

REFUSED = (400, 401, 403, 408, 411, 413, 415, 422, 429, 500, 503)  # of whatever takes files
MAX_CALIBRATION = 1 << 20  # bytes


def add_forgery(app: FastAPI, settings: Settings, services: Services, ending: Ending) -> None:
    """POST /v1/forgery."""

    @app.post(
        "/v1/forgery",
        summary="Judge an image: real or AI-generated",
        responses={
            200: documented(record_schema(FORGERY_FIELDS), "what `vision forgery --json` prints"),
            **problems(*REFUSED),
        },
        openapi_extra=form_schema(["file"]),
    )
    async def forgery(request: Request) -> Response:
        async with form_of(request, services.uploads, ["file"]) as form:
            try:
                ticket = services.queue.submit_forgery(str(form.files["file"]))
            except (Busy, Closed) as error:
                raise refusal_of(error) from None
            result = await answer_of(request, ticket, settings.timeout, ending)
            if result.error is not None:
                raise Problem.of(result.error, form.shown)
            return json_response(forgery_record(result, form.shown))


def add_stereo(app: FastAPI, settings: Settings, services: Services, ending: Ending) -> None:
    """POST /v1/stereo."""

    @app.post(
        "/v1/stereo",
        summary="Match the two views of a rectified pair",
        responses={
            200: documented(record_schema(STEREO_FIELDS), "what `vision stereo --json` prints"),
            **problems(*REFUSED),
        },
        openapi_extra=form_schema(["left", "right"], ["calibration"]),
    )
    async def stereo(request: Request) -> Response:
        async with form_of(request, services.uploads, ["left", "right"], ["calibration"]) as form:
            left, right = str(form.files["left"]), str(form.files["right"])
            geometry, ticket_stop = None, threading.Event()
            if "calibration" in form.files:
                geometry = await run_in_threadpool(_calibration, form.files["calibration"], form.shown)
            try:
                ticket = services.queue.submit(
                    lambda: services.stereo(left, right, geometry=geometry, stop=ticket_stop), cancel=ticket_stop
                )
            except (Busy, Closed) as error:
                raise refusal_of(error) from None
            result = await answer_of(request, ticket, settings.timeout, ending)
            if result.error is not None:
                raise Problem.of(result.error, form.shown)
            return json_response(stereo_record(result, form.shown))


def _calibration(path: Path, shown: dict[str, str]) -> StereoCalibration:
    from vision.geometry import read_calibration

    if path.stat().st_size > MAX_CALIBRATION:
        raise Problem(413, f"the calibration has more than {MAX_CALIBRATION:,} bytes", "bad-calibration")
    try:
        return read_calibration([str(path)])
    except ValueError as error:  # UsageError is one
        raise Problem.of(error, shown) from None
