"""Columns of tables: the fields of records as Parquet types, and what is the same in the work of all tasks."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import pyarrow as pa

from vision.batch.job import ERROR, ERROR_CODE, Item, Job, Record, failed_row
from vision.batch.places import FetchError, Place, fetched
from vision.cli.reporter import Result, record_of
from vision.errors import Notice

TEXT, TEXTS, NUMBER, COUNT, FLAG = pa.string(), pa.list_(pa.string()), pa.float64(), pa.int64(), pa.bool_()

Prepared = TypeVar("Prepared")


def schema_of(fields: Iterable[str], types: Mapping[str, pa.DataType]) -> pa.Schema:
    """Columns in the order of the fields, texts unless `types` says otherwise, and `error_code` behind `error`."""
    columns: list[tuple[str, pa.DataType]] = []
    for name in fields:
        columns.append((name, types.get(name, TEXT)))
        if name == ERROR:
            columns.append((ERROR_CODE, TEXT))
    return pa.schema(columns)


def allow_as_asked(command: argparse.Namespace) -> None:
    """A worker may fetch weights if the command may."""
    if command.allow_download:
        from vision.hub import allow_downloads

        allow_downloads()


def row_of(result: Result, names: Mapping[str, str]) -> Record:
    """The record of a result with its error's code; names of files that were fetched become their addresses."""
    code = None if result.error is None else getattr(result.error, "code", "usage")
    record: Record = {**record_of(result), ERROR_CODE: code}
    return _renamed(record, names) if names else record


def worked(
    job: Job,
    items: Iterable[Item],
    places: Callable[[Item], Sequence[Place]],
    max_bytes: int,
    prepare: Callable[[Item, Sequence[str]], Prepared],
    stream: Callable[[Iterator[Prepared]], Iterator[Result]],
) -> Iterator[Record]:
    """Rows of inputs in their order, each of which is fetched while the model works on those before it.

    Args:
        job: whose rows they are.
        items: inputs.
        places: the files of an input.
        max_bytes: of one file.
        prepare: from an input and paths on this machine to what the inferencer takes.
        stream: the inferencer's.
    """
    waiting: deque[tuple[Item, ExitStack, dict[str, str], Record | None]] = deque()

    def inputs() -> Iterator[Prepared]:
        for item in items:
            stack = ExitStack()
            names: dict[str, str] = {}
            paths = []
            try:
                for place in places(item):
                    path = stack.enter_context(fetched(place, max_bytes))
                    paths.append(path)
                    if path != place.name:
                        names[path] = place.name
            except FetchError as error:
                stack.close()
                waiting.append((item, stack, {}, failed_row(job, item.key, Notice(str(error), error.code))))
                continue
            waiting.append((item, stack, names, None))
            yield prepare(item, paths)

    def ready() -> Iterator[Record]:
        while waiting and (row := waiting[0][3]) is not None:
            waiting.popleft()
            yield row

    try:
        for result in stream(inputs()):
            yield from ready()
            item, stack, names, _ = waiting.popleft()
            row = row_of(result, names) | dict(zip(job.key, item.key, strict=True))
            stack.close()
            yield row
        yield from ready()
    finally:
        for _, stack, _, _ in waiting:
            stack.close()


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for path, name in names.items():
            value = value.replace(path, name)
        return value
    if isinstance(value, dict):
        return {key: _renamed(part, names) for key, part in value.items()}
    return [_renamed(part, names) for part in value] if isinstance(value, list) else value
