"""The CSV file of a run: its rows are in the file as they come, and a run that was ended can go on with it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, BinaryIO, Literal

from vision.cli.targets import STDIN, require_free
from vision.errors import UsageError
from vision.files import csv_cell, naming, readable, write_bytes

RUN = "run"
_REMEDY = "--overwrite and --resume"
MAX_CELL = 1 << 24  # letters; metadata may have far more than the 131,072 that csv reads by itself


class CsvFile:
    """A CSV file, made with its first row: a run that fails before it leaves what was there as it was.

    Each row is in the file when `write` returns. The column `run` has the same value in all rows of a run: it stands
    for the list and the options, so that `resume` can tell that it goes on with the same ones.

    Args:
        path: of the file.
        fields: names of the columns.
        run: what stands for the list and the options.
        inputs: files that the run reads.
        overwrite: whether a file that is there is replaced.
        resume: whether it goes on with a file that is there.
        names: a column, and the file names that its cells end with, of all rows in their order; for `resume`.

    Raises:
        UsageError: on entry, when the file cannot be made, or gone on with.
    """

    def __init__(
        self,
        path: str,
        fields: Sequence[str],
        run: str,
        inputs: Iterable[str] = (),
        overwrite: bool = False,
        resume: bool = False,
        names: tuple[str, Sequence[str]] = (RUN, ()),
    ) -> None:
        self.path, self.fields, self.run = path, [*fields, RUN], run
        self.inputs, self.overwrite, self.resume = list(inputs), overwrite, resume
        self.names = names
        self.rows: list[dict[str, str]] = []
        self._stack = ExitStack()
        self._file: BinaryIO | None = None

    def __enter__(self) -> CsvFile:
        if self.path == STDIN:
            raise UsageError("--csv '-' names no file; expected one, or see --jsonl for lines on standard output")
        require_free(self.path, "--csv", self.inputs, self.overwrite or self.resume, _REMEDY)
        try:
            if self.resume and os.path.exists(self.path):
                self._go_on()
            with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(self.path))):
                pass
        except OSError as error:
            raise UsageError(
                f"--csv {self.path!r} cannot be written ({error.strerror}); choose a writable folder"
            ) from None
        return self

    def write(self, record: dict[str, Any]) -> None:
        """Add one row; None becomes an empty cell."""
        with naming(self.path):
            file = self._file or self._made()
            file.write(self._line([record.get(name) for name in self.fields[:-1]] + [self.run]))
            file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with naming(self.path):
            if error is None and self._file is None:
                self._made()
            self._stack.close()

    def _made(self) -> BinaryIO:
        header = self._line(self.fields)
        if self.overwrite and os.path.lexists(self.path):
            write_bytes(self.path, header)
            self._file = self._opened("ab")
        else:
            self._file = self._opened("xb")
            self._file.write(header)
        return self._file

    def _opened(self, mode: Literal["ab", "xb", "r+b"]) -> BinaryIO:
        return self._stack.enter_context(open(self.path, mode))

    def _line(self, cells: Sequence[object]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerow([csv_cell(cell) for cell in cells])
        return text.getvalue().encode()

    def _go_on(self) -> None:
        """Read the rows that are there, and cut off one that a killed run has left unfinished."""
        with open(self.path, "rb") as file:
            data = file.read()
        lines, end = _whole_rows(self.path, data)
        if not lines:
            if data:
                raise self._unlike("has no header")
            self.overwrite = True
            return
        if lines[0] != self.fields:
            raise self._unlike("has other columns")
        self.rows = [dict(zip(self.fields, line, strict=False)) for line in lines[1:]]
        if any(len(line) != len(self.fields) for line in lines) or any(row[RUN] != self.run for row in self.rows):
            raise self._unlike("is of another list or other options")
        column, names = self.names
        # A row that somebody deleted would shift all behind it.
        if len(self.rows) > len(names) or not all(
            row[column].endswith(readable(name)) for row, name in zip(self.rows, names, strict=False)
        ):
            raise self._unlike("has other rows than its run wrote")
        self._file = self._opened("r+b")
        self._file.truncate(end)
        self._file.seek(end)

    def _unlike(self, problem: str) -> UsageError:
        return UsageError(
            f"--resume: {self.path!r} {problem}; expected the file of a run of the same list and options, "
            "or see --overwrite"
        )


def run_of(options: dict[str, Any], sources: Sequence[Any]) -> str:
    """What stands for a list and the options that matter for its results.

    Args:
        options: name -> value, as JSON has them.
        sources: what is judged or matched, in its order.
    """
    text = json.dumps([options, list(sources)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of(path: str | None) -> str | None:
    """What stands for the content of a file, such as a checkpoint; None where there is none to read."""
    if path is None or not os.path.isfile(path):
        return None
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError:  # told by who reads it
        return None
    return digest.hexdigest()


def _whole_rows(path: str, data: bytes) -> tuple[list[list[str]], int]:
    """Rows that end with a line end, and where the last of them ends."""
    rows: list[list[str]] = []
    taken = end = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in io.BytesIO(data):
            taken += len(line)
            yield line.decode()

    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    reader = csv.reader(lines(), strict=True)
    try:
        for row in reader:
            if data[taken - 1 : taken] != b"\n":
                break
            rows.append(row)
            end = taken
    except (csv.Error, UnicodeDecodeError) as error:
        if taken < len(data):
            raise UsageError(f"--resume: {path!r} is not the CSV file of a run ({error})") from None
    return rows, end
