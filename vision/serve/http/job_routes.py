"""POST /v1/video, and what becomes of it: GET and DELETE /v1/jobs/{id}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from vision.apis.video.frames import VideoFrames
from vision.errors import UsageError
from vision.serve.http.bodies import read_form
from vision.serve.http.images import REFUSED
from vision.serve.http.jobs import DONE, STATES, Job, Jobs, record_of, result_text
from vision.serve.http.problems import Problem
from vision.serve.http.problems import documented as problems
from vision.serve.http.results import documented, form_schema, json_response
from vision.serve.http.waiting import refusal_of
from vision.serve.queue import Busy, Closed
from vision.serve.services import Services

_FIELDS = ["id", "state", "position", "progress", "error", "result"]
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": _FIELDS,
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": list(STATES)},
        "position": {
            "type": ["integer", "null"],
            "description": "how many videos come before it; null when it is done",
        },
        "progress": {
            "type": "object",
            "properties": {"frames": {"type": "integer"}, "of": {"type": ["integer", "null"]}},
        },
        "error": {"type": ["object", "null"]},
        "result": {
            "type": ["array", "null"],
            "items": {"type": "object"},
            "description": "of each frame what `vision video --jsonl` prints; null until it is done",
        },
    },
}
_LOCATION = {"Location": {"schema": {"type": "string"}, "required": True, "description": "path of the job"}}
_READ = (400, 401, 404)


def add_video(app: FastAPI, services: Services, jobs: Jobs) -> None:
    """POST /v1/video and the routes of jobs."""

    @app.post(
        "/v1/video",
        status_code=202,
        summary="Find and follow people in a video, as a job",
        responses={202: documented(_SCHEMA, "the job was taken") | {"headers": _LOCATION}, **problems(*REFUSED)},
        openapi_extra=form_schema(["file"]),
    )
    async def video(request: Request) -> Response:
        form = await read_form(request, services.uploads, ["file"])
        try:
            frames = await run_in_threadpool(
                VideoFrames, str(form.files["file"]), max_pixels=services.settings.max_pixels
            )
            job = Job(form.folder, frames, form.shown, of=frames.count)
            jobs.start(job)
        except BaseException as error:
            await run_in_threadpool(services.uploads.remove, form.folder)
            if isinstance(error, UsageError):
                raise Problem.of(error, form.shown) from None
            if isinstance(error, (Busy, Closed)):
                raise refusal_of(error) from None
            raise
        place = f"/v1/jobs/{job.id}"
        return json_response(record_of(job, jobs.position(job)) | {"result": None}, 202, {"location": place})

    @app.get(
        "/v1/jobs/{id}",
        summary="State of a job, and its result when it is done",
        responses={200: documented(_SCHEMA, "the job"), **problems(*_READ)},
    )
    async def state(id: str) -> Response:
        job = jobs.find(id)
        if job is None:
            raise _unknown()
        record = record_of(job, jobs.position(job))
        if record["state"] != DONE:
            return json_response(record | {"result": None})
        try:
            lines = open(job.result_path, encoding="ascii")  # noqa: SIM115 (until the answer is out)
        except FileNotFoundError:  # its time ended this moment
            raise _unknown() from None
        return StreamingResponse(_with_result(record, lines), media_type="application/json")

    @app.delete(
        "/v1/jobs/{id}",
        status_code=204,
        summary="Give up a job, and forget its result",
        responses={204: {"description": "it is forgotten"}, **problems(403, *_READ)},
    )
    async def forget(id: str) -> Response:
        if not await run_in_threadpool(jobs.forget, id):
            raise _unknown()
        return Response(status_code=204)


def _with_result(record: dict[str, Any], lines: TextIO) -> Iterator[str]:
    yield f'{json.dumps(record)[:-1]}, "result": '
    yield from result_text(lines)
    yield "}"


def _unknown() -> Problem:
    return Problem(404, "there is no such job; results are kept only for a while")
