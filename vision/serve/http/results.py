"""Results as JSON: the fields that the commands print, with names of users in place of our paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from vision.files import to_json
from vision.structures.forgery import ForgeryResult
from vision.structures.forgery import result_fields as forgery_fields
from vision.structures.stereo import StereoResult
from vision.structures.stereo import result_fields as stereo_fields

# What `vision stereo` says of the files that it wrote: here are none.
_NO_FILES: dict[str, Any] = {"points": None, "points_beyond": None, "max_depth": None, "files": []}

FORGERY_FIELDS = forgery_fields()
STEREO_FIELDS = [*stereo_fields(), *_NO_FILES]


def forgery_record(result: ForgeryResult, shown: Mapping[str, str]) -> dict[str, Any]:
    """What `vision forgery --json` prints of an image."""
    record: dict[str, Any] = renamed(result.to_dict(), shown)
    return record


def stereo_record(result: StereoResult, shown: Mapping[str, str]) -> dict[str, Any]:
    """What `vision stereo --json` prints of a pair of which nothing is saved."""
    record: dict[str, Any] = renamed(result.to_dict() | _NO_FILES, shown)
    return record


def renamed(value: Any, shown: Mapping[str, str]) -> Any:
    """The same with our paths replaced, in all texts."""
    if isinstance(value, str):
        for path, name in shown.items():
            value = value.replace(path, name)
        return value
    if isinstance(value, dict):
        return {key: renamed(part, shown) for key, part in value.items()}
    return [renamed(part, shown) for part in value] if isinstance(value, list) else value


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response of JSON in ASCII, without NaN."""
    return Response(to_json(content), status, dict(headers or {}), "application/json")


def record_schema(fields: list[str]) -> dict[str, Any]:
    """What OpenAPI says of a record: always the same fields."""
    return {"type": "object", "required": fields, "properties": {name: {} for name in fields}}


def documented(schema: dict[str, Any], description: str, *files: str) -> dict[str, Any]:
    """What OpenAPI says of an answer in JSON, or instead as a file of one of these media types."""
    binary: dict[str, Any] = {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in files}
    return {"description": description, "content": {"application/json": {"schema": schema}, **binary}}


def form_schema(required: list[str], optional: list[str] | None = None) -> dict[str, Any]:
    """What OpenAPI says of a form with files."""
    binary = {"type": "string", "contentMediaType": "application/octet-stream"}
    properties = dict.fromkeys((*required, *(optional or [])), binary)
    schema = {"type": "object", "required": required, "properties": properties, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
