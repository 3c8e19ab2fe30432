"""A folder of Parquet files that is one table, readable at any time: each file appears whole, with its final name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vision.batch.job import ERROR, Job, Record
from vision.batch.keys import KeySet
from vision.errors import UsageError
from vision.files import readable_record, replacing_path, write_text

SCHEMA_VERSION = 1
METADATA = b"neighborhood-vision"
SCHEMA_FILE = "_schema.json"
_PART = re.compile(r"part-(\d{5,})-(\d{6,})\.parquet")
_LEFT_OVER = re.compile(r"\.\d+-[0-9a-f]{12}\.tmp(\.parquet)?")


class Table:
    """The files `part-PASS-NUMBER.parquet` of a folder. Only who holds the folder's lock may write.

    Args:
        folder: that is there.
        job: whose schema the files have.
    """

    def __init__(self, folder: Path, job: Job) -> None:
        self.folder, self.key = folder, job.key
        about = {"task": job.name, "schema": SCHEMA_VERSION}
        self.schema: pa.Schema = job.schema.with_metadata({METADATA: json.dumps(about)})

    def begin(self) -> None:
        """Remove what a killed run left, and see to it that there is a table, if only without rows.

        Raises:
            UsageError: there are Parquet files of something else.
            OSError: the folder cannot be written to.
        """
        for name in os.listdir(self.folder):
            if _LEFT_OVER.fullmatch(name):
                (self.folder / name).unlink(missing_ok=True)
        parts = self.parts()
        for part in parts:
            self._opened(part).close()
        if not parts:
            self.write(self.schema.empty_table(), 0, 0)
        columns = {field.name: str(field.type) for field in self.schema}
        about = json.loads(self.schema.metadata[METADATA]) | {"key": list(self.key), "columns": columns}
        write_text(self.folder / SCHEMA_FILE, json.dumps(about, indent=1) + "\n")

    def parts(self, before: int | None = None) -> list[Path]:
        """Files in their order; `before` leaves out those of that pass and later ones."""
        found = [(int(match[1]), int(match[2]), name) for name in os.listdir(self.folder)
                 if (match := _PART.fullmatch(name))]  # fmt: skip
        return [self.folder / name for number, _, name in sorted(found) if before is None or number < before]

    def next_pass(self) -> int:
        """A number that no file has."""
        parts = self.parts()
        return int(_PART.fullmatch(parts[-1].name)[1]) + 1 if parts else 1  # type: ignore[index]  # it matched before

    def keys(self, before: int | None = None) -> Iterator[tuple[str, ...]]:
        """Keys of all rows, in bounded memory."""
        for part in self.parts(before):
            with self._opened(part) as file:
                for batch in file.iter_batches(columns=list(self.key)):
                    yield from self._keys_of(batch)

    def counts(self) -> tuple[int, int]:
        """Rows, and those of them with an error; from the footers of the files alone."""
        rows = failed = 0
        place = self.schema.get_field_index(ERROR)
        for part in self.parts():
            with self._opened(part) as file:
                rows += file.metadata.num_rows
                failed += sum(_filled(file, group, place) for group in range(file.metadata.num_row_groups))
        return rows, failed

    def drop_failed(self, inputs: Iterable[tuple[str, ...]]) -> None:
        """Take out the rows of inputs that have an error, so that these are done again.

        Args:
            inputs: keys; rows of others stay, since nothing would come in their place.
        """
        failed, again = KeySet(), KeySet()
        for part in self.parts():
            with self._opened(part) as file:
                for batch in file.iter_batches(columns=[*self.key, ERROR]):
                    failed.update(self._keys_of(batch.filter(batch[ERROR].is_valid())))
        if len(failed):
            again.update(key for key in inputs if key in failed)
        if not len(again):
            return
        for part in self.parts():
            with self._opened(part) as file:
                table = file.read()
            is_again = [key in again for key in self._keys_of(table)]
            if any(is_again):
                self._replace(part, table.filter(pa.array([not value for value in is_again])))

    def _keys_of(self, rows: pa.Table | pa.RecordBatch) -> Iterator[tuple[str, ...]]:
        return zip(*(rows[name].to_pylist() for name in self.key), strict=True)

    def write(self, table: pa.Table, number: int, place: int) -> None:
        """Write a file; when this returns, it outlives a power cut."""
        self._replace(self.folder / f"part-{number:05d}-{place:06d}.parquet", table)

    def _replace(self, path: Path, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table.cast(self.schema), sink, compression="zstd")
        # Our own handle: its errors carry the system's number.
        with replacing_path(path, ".parquet") as temporary, open(temporary, "wb") as file:
            file.write(sink.getvalue())
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(self.folder)

    def _opened(self, part: Path) -> pq.ParquetFile:
        try:
            file = pq.ParquetFile(part)
            found = json.loads((file.schema_arrow.metadata or {}).get(METADATA, b"null"))
        except (OSError, ValueError, pa.ArrowException) as error:
            detail = " ".join(str(error).split())[:200]
            raise _foreign(part, f"cannot be read ({detail})") from None
        if found != json.loads(self.schema.metadata[METADATA]):
            file.close()
            raise _foreign(part, f"is of another kind of table ({found})")
        return file


def rows_table(rows: Sequence[Record], schema: pa.Schema) -> pa.Table:
    """Rows as a table; names that are no UTF-8 become readable.

    Raises:
        ValueError: a row has a column that the schema has not.
    """
    names = set(schema.names)
    for row in rows:
        if not names.issuperset(row):
            raise ValueError(f"columns {sorted(set(row) - names)} are not in the schema")
    return pa.Table.from_pylist([readable_record(row) for row in rows], schema=schema)


def _filled(file: pq.ParquetFile, group: int, place: int) -> int:
    """How many values of a column, all top-level ones before it being plain or nested, are there."""
    name = file.schema_arrow.names[place]
    columns = file.metadata.row_group(group)
    for number in range(columns.num_columns):
        column = columns.column(number)
        if column.path_in_schema == name and column.statistics is not None and column.statistics.has_null_count:
            return int(columns.num_rows - column.statistics.null_count)
    return int(file.read_row_group(group, columns=[name])[name].is_valid().to_numpy().sum())


def _sync_folder(folder: Path) -> None:
    """A new name outlives a power cut only if the folder is written, too."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _foreign(part: Path, problem: str) -> UsageError:
    return UsageError(
        f"{str(part)!r} {problem}; expected a file of an earlier run of this task, take it out of the folder or choose "
        "another folder",
        code="bad-table",
        value=str(part),
    )
