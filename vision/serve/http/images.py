"""POST /v1/forgery and /v1/stereo: files in, one record out, or the map that belongs to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from vision.errors import UsageError
from vision.serve.http.bodies import Form, form_of
from vision.serve.http.media import JSON, PFM, PNG, chosen
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
from vision.serve.queue import Busy, Closed, Ticket
from vision.serve.services import Services
from vision.serve.settings import Settings

if TYPE_CHECKING:
    from vision.geometry import StereoCalibration
    from vision.structures.forgery import ForgeryResult
    from vision.structures.stereo import StereoResult

REFUSED = (400, 401, 403, 408, 411, 413, 415, 422, 429, 500, 503)  # of whatever takes files
MAX_CALIBRATION = 1 << 20  # bytes


class _Result(Protocol):
    error: str | None


R = TypeVar("R", bound=_Result)


def add_forgery(app: FastAPI, settings: Settings, services: Services, ending: Ending) -> None:
    """POST /v1/forgery."""

    @app.post(
        "/v1/forgery",
        summary="Judge an image: real or AI-generated",
        responses={
            200: documented(
                record_schema(FORGERY_FIELDS),
                "what `vision forgery --json` prints; by Accept the heat map over the image instead",
                PNG,
            ),
            **problems(*REFUSED, 406),
        },
        openapi_extra=form_schema(["file"]),
    )
    async def forgery(request: Request) -> Response:
        kind = chosen(request.headers.get("accept"), (JSON, PNG))
        async with form_of(request, services.uploads, ["file"]) as form:
            result = await _result_of(
                request, settings, ending, form, lambda: services.queue.submit_forgery(str(form.files["file"]))
            )
            if kind == PNG:
                return Response(await run_in_threadpool(_heat_map, result, form.folder), media_type=PNG)
            return json_response(forgery_record(result, form.shown))


def add_stereo(app: FastAPI, settings: Settings, services: Services, ending: Ending) -> None:
    """POST /v1/stereo."""

    @app.post(
        "/v1/stereo",
        summary="Match the two views of a rectified pair",
        responses={
            200: documented(
                record_schema(STEREO_FIELDS),
                "what `vision stereo --json` prints; by Accept the disparity instead, as KITTI's 16-bit PNG or as PFM",
                PNG,
                PFM,
            ),
            **problems(*REFUSED, 406),
        },
        openapi_extra=form_schema(["left", "right"], ["calibration"]),
    )
    async def stereo(request: Request) -> Response:
        kind = chosen(request.headers.get("accept"), (JSON, PNG, PFM))
        async with form_of(request, services.uploads, ["left", "right"], ["calibration"]) as form:
            left, right = str(form.files["left"]), str(form.files["right"])
            geometry, stop = None, threading.Event()
            if "calibration" in form.files:
                geometry = await run_in_threadpool(_calibration, form.files["calibration"], form.shown)
            result = await _result_of(
                *(request, settings, ending, form),
                lambda: services.queue.submit(
                    lambda: services.stereo(left, right, geometry=geometry, stop=stop), cancel=stop
                ),
            )
            if kind != JSON:
                return Response(await run_in_threadpool(_disparity, result, kind, form), media_type=kind)
            return json_response(stereo_record(result, form.shown))


async def _result_of(
    request: Request, settings: Settings, ending: Ending, form: Form, submit: Callable[[], Ticket[R]]
) -> R:
    """What the models say, without an error."""
    try:
        ticket = submit()
    except (Busy, Closed) as error:
        raise refusal_of(error) from None
    result = await answer_of(request, ticket, settings.timeout, ending)
    if result.error is not None:
        raise Problem.of(result.error, form.shown)
    return result


def _heat_map(result: ForgeryResult, folder: Path) -> bytes:
    """A PNG file."""
    from PIL import Image

    from vision.structures.forgery import HEATMAP_SOFTWARE
    from vision.visualization.canvas import save_image
    from vision.visualization.forgery import overlay_of

    heat, path = result.heatmap, folder / "heat-map.png"
    if heat is None:
        raise Problem(422, "there is no heat map of this image; its record says what is known of it")
    save_image(Image.fromarray(overlay_of(heat.preview, heat)), path, HEATMAP_SOFTWARE)
    return path.read_bytes()


def _disparity(result: StereoResult, kind: str, form: Form) -> bytes:
    """A file of that kind."""
    from vision.stereo_io import write_disparity

    assert result.disparity is not None
    path = form.folder / ("disparity.png" if kind == PNG else "disparity.pfm")
    try:
        write_disparity(path, result.disparity)
    except UsageError as error:
        raise Problem.of(error, form.shown) from None
    return path.read_bytes()


def _calibration(path: Path, shown: dict[str, str]) -> StereoCalibration:
    from vision.geometry import read_calibration

    if path.stat().st_size > MAX_CALIBRATION:
        raise Problem(413, f"the calibration has more than {MAX_CALIBRATION:,} bytes", "bad-calibration")
    try:
        return read_calibration([str(path)])
    except ValueError as error:  # UsageError is one
        raise Problem.of(error, shown) from None
