"""From the body of a request to files in a folder of its own; no body is in memory whole."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from vision.serve.http.problems import Problem
from vision.serve.uploads import Uploads, safe_name, shown_name

MAX_FILES = 4
MAX_FIELDS = 8
MAX_FIELD_BYTES = 16 << 10


class ClientGone(Exception):
    """The client went away before it had its answer."""


@dataclass
class Form:
    """What a request brought.

    Attributes:
        folder: of its files.
        files: path of each, by the name of its part.
        names: what a user called them, by the name of its part.
        fields: texts.
    """

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, str]:
        """What stands for our paths in texts."""
        return {str(path): self.names[part] for part, path in self.files.items()} | {str(self.folder): ""}


@asynccontextmanager
async def form_of(
    request: Request, uploads: Uploads, required: Sequence[str], optional: Sequence[str] = ()
) -> AsyncIterator[Form]:
    """The form of a request; its folder is removed at the end of the block.

    Raises:
        Problem: 400 it is no form or ends early; 422 a file is missing, empty or unknown.
        ClientGone: it did not arrive.
    """
    form = await read_form(request, uploads, required, optional)
    try:
        yield form
    finally:
        await run_in_threadpool(uploads.remove, form.folder)


async def read_form(request: Request, uploads: Uploads, required: Sequence[str], optional: Sequence[str] = ()) -> Form:
    """As `form_of`, but the folder stays until `Uploads` removes it."""
    parser = _Parser(
        request.headers, request.stream(), max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
    )
    try:
        data = await parser.parse()
    except (MultiPartException, ValueError) as error:  # ValueError: of the parser, or of what decodes its headers
        text = getattr(error, "message", None) or str(error)
        raise Problem(400, f"the body is no multipart form ({text})") from None
    except ClientDisconnect:
        raise ClientGone from None
    form = Form(await run_in_threadpool(uploads.folder))
    try:
        if not parser.is_complete:
            raise Problem(400, "the body ends before its last boundary")
        for part, value in data.multi_items():
            known = part in required or part in optional
            if not known or part in form.files or part in form.fields:
                kind = "given twice" if known else "unknown"
                raise Problem(422, f"part {part[:40]!r} is {kind}; expected {_listed(required, optional)}", "usage")
            if isinstance(value, UploadFile):
                form.names[part] = shown_name(value.filename, part)
                form.files[part] = form.folder / safe_name(part, value.filename)
                await run_in_threadpool(_copy, value, form.files[part])
            else:
                form.fields[part] = value
        for part in required:
            if part not in form.files:
                raise Problem(422, f"the file {part!r} is missing; expected {_listed(required, optional)}", "usage")
            if not form.files[part].stat().st_size:
                raise Problem(422, f"the file {part!r} is empty", "unreadable-file")
    except BaseException:
        await run_in_threadpool(uploads.remove, form.folder)
        raise
    finally:
        await data.close()
    return form


class _Parser(MultiPartParser):
    """Knows whether the form came to its end."""

    is_complete = False

    def on_end(self) -> None:
        self.is_complete = True


def _copy(upload: UploadFile, path: Path) -> None:
    upload.file.seek(0)
    with open(path, "xb") as target:
        shutil.copyfileobj(upload.file, target, 1 << 20)


def _listed(required: Sequence[str], optional: Sequence[str]) -> str:
    rest = f" and perhaps {', '.join(optional)}" if optional else ""
    return f"{' and '.join(required)}{rest}"
