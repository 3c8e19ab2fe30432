"""What goes wrong, as RFC 9457 has it: application/problem+json with a status, a sentence and a code of ours."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException
from starlette.responses import Response

from vision.errors import CODES

MEDIA_TYPE = "application/problem+json"

# By the codes of `vision.errors`; what is not here is 422.
_STATUS = {
    "too-many-pixels": 413,
    "image-too-complex": 413,
    "image-out-of-memory": 413,
    "match-out-of-memory": 413,
    "tile-out-of-memory": 413,
    "raw-image": 415,
    "unsupported-image": 415,
    "unknown-model": 404,
    "no-weights": 503,
    "no-foundation": 503,
    "missing-package": 503,
    "not-a-number": 500,
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "one sentence: what was given, what was expected"},
        "code": {"type": "string", "enum": sorted(CODES), "description": "the kind of mistake, where it has a name"},
    },
}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "how to bring the token"}},
    429: {"Retry-After": {"schema": {"type": "string"}, "required": True, "description": "seconds to wait"}},
}


class Problem(HTTPException):
    """An answer that is no result.

    Attributes:
        code: of `vision.errors.CODES`, or None.
    """

    def __init__(
        self, status: int, detail: str, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.code = code

    @classmethod
    def of(cls, error: Any, shown: Mapping[str, str] | None = None) -> Problem:
        """What an error or a notice of the library is to a client.

        Args:
            error: its text, with a `code`.
            shown: what stands for paths of ours in it.
        """
        code = getattr(error, "code", None)
        text = getattr(error, "reason", None) or str(error)
        for path, name in (shown or {}).items():
            text = text.replace(path, name)
        return cls(_STATUS.get(code or "", 422), text, code if code in CODES else None)


def response_of(problem: HTTPException | Any) -> Response:
    """A problem, or an HTTPException of Starlette, as a response."""
    status = problem.status_code
    code = getattr(problem, "code", None)
    body = {"type": "about:blank", "title": title_of(status), "status": status, "detail": str(problem.detail)}
    content = json.dumps(body | ({"code": code} if code else {}))
    return Response(content, status, dict(problem.headers or {}), MEDIA_TYPE)


def title_of(status: int) -> str:
    """The words that belong to a status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these statuses."""
    return {
        status: {
            "description": title_of(status),
            "content": {MEDIA_TYPE: {"schema": SCHEMA}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status in statuses
    }
