"""Inputs in chunks: what a worker takes at a time, as rows that travel through Ray Data."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from vision.batch.job import Item, Job
from vision.batch.keys import KeySet
from vision.batch.table import Table
from vision.errors import UsageError

# One row per chunk. Kinds: inputs to work on; the end of the list, with the number of chunks and the remarks; an error
# of listing, with its text and code.
CHUNK, END, FAILED = "chunk", "end", "failed"
SOURCE_SCHEMA = pa.schema(
    [("kind", pa.string()), ("listing", pa.string()), ("number", pa.int64()), ("content", pa.binary())]
)
_RAMP = 8  # chunks of each size, at the beginning: a short list, too, is work for all workers


def chunks(job: Job, folder: Path, number: int, size: int) -> Iterator[pa.Table]:
    """Rows of `SOURCE_SCHEMA`, one per table."""
    listing = uuid.uuid4().hex
    count = 0

    def row(kind: str, content: Any) -> pa.Table:
        values = {"kind": kind, "listing": listing, "number": count, "content": pickle.dumps(content)}
        return pa.Table.from_pylist([values], schema=SOURCE_SCHEMA)

    try:
        known = KeySet()
        known.update(Table(folder, job).keys(before=number))
        waiting: list[Item] = []
        for item in job.items():
            if not known.add(item.key):
                continue
            waiting.append(item)
            if len(waiting) >= min(size, 1 << (count // _RAMP)):
                yield row(CHUNK, waiting)
                waiting = []
                count += 1
        if waiting:
            yield row(CHUNK, waiting)
            count += 1
    except Exception as error:  # Ray would drop it, and one that it tried again would fail as well
        what = str(error) if isinstance(error, (UsageError, OSError)) else f"{type(error).__name__}: {error}"
        yield row(FAILED, (what, getattr(error, "code", "usage"), getattr(error, "value", None)))
        return
    yield row(END, job.remarks)
