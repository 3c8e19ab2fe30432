"""The actor of Ray Data that holds the model: a chunk of inputs in, their rows out."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from vision.batch.chunks import CHUNK
from vision.batch.isolated import isolated
from vision.batch.job import Item, Job, Work
from vision.batch.table import rows_table
from vision.batch.threads import hold_threads

ROWS, UNUSABLE, BROKEN = "rows", "unusable", "broken"


class Worker:
    """Works on chunks.

    Args:
        job: the model of which is loaded here.
        careful: whether each input is worked on in a process that may die of it.
        cpus: that it holds, so many threads are used.
    """

    def __init__(self, job: Job, careful: bool, cpus: float) -> None:
        hold_threads(cpus)
        self._job = job
        self._problem: tuple[str, str, Any] | None = None
        self._work: Work | None = None
        try:
            self._work = isolated(job) if careful else job.load()
        except Exception as error:  # told by the driver, once; Ray would try again and again
            what = str(error) if isinstance(error, (ValueError, ImportError)) else f"{type(error).__name__}: {error}"
            self._problem = (f"a worker cannot load the model: {what}", getattr(error, "code", "usage"), None)

    def __call__(self, chunk: pa.Table) -> Iterator[pa.Table]:
        """One row of `vision.batch.chunks.SOURCE_SCHEMA` becomes one of the same kind, with rows for its inputs.

        A chunk that meets an error of ours is given up: its inputs are worked on alone, later.
        """
        for kind, listing, number, content in zip(*(column.to_pylist() for column in chunk.columns), strict=True):
            result: Any = content
            if kind == CHUNK and self._problem is not None:
                kind, result = UNUSABLE, pickle.dumps(self._problem)
            elif kind == CHUNK:
                kind, result = self._rows(pickle.loads(content))
            values = {"kind": kind, "listing": listing, "number": number, "content": result}
            yield pa.Table.from_pylist([values], schema=chunk.schema)

    def _rows(self, items: list[Item]) -> tuple[str, bytes]:
        assert self._work is not None
        try:
            rows = list(self._work(items))
        except Exception as error:
            return BROKEN, pickle.dumps(f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
        if len(rows) != len(items):
            return BROKEN, pickle.dumps(f"{len(items)} inputs gave {len(rows)} rows")
        schema = self._job.schema
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(rows_table(rows, schema))
        return ROWS, sink.getvalue().to_pybytes()


def rows_of(content: bytes) -> pa.Table:
    """The rows that a worker made of a chunk."""
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()
