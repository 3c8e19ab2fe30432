"""How results leave the program: a table for people, JSON, CSV; files appear complete or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from vision.errors import UsageError
from vision.errors import printable as printable
from vision.files import replacing

MAX_STEM_BYTES = 180
_STYLES = {"real": "green", "ai-generated": "bold red", "inconclusive": "yellow", "error": "magenta"}


class CsvFile:
    """A CSV file that takes its final name when the block ends without an error.

    Args:
        path: of the file; one that exists is replaced.
        fields: names of the columns.

    Raises:
        UsageError: on entry, when the file cannot be made.
    """

    def __init__(self, path: str, fields: Sequence[str]) -> None:
        self.path = Path(path)
        self.fields = list(fields)

    def __enter__(self) -> CsvFile:
        if self.path.exists() and not self.path.is_file():
            raise UsageError(f"--csv {str(self.path)!r} is not a regular file; expected the name of a file to write")
        with contextlib.ExitStack() as stack:
            self._writer = csv.DictWriter(self._opened(stack), self.fields)
            self._writer.writeheader()
            self._stack = stack.pop_all()
        return self

    def _opened(self, stack: contextlib.ExitStack) -> IO[str]:
        try:
            binary = stack.enter_context(replacing(self.path))
        except OSError as error:
            raise UsageError(
                f"--csv {str(self.path)!r} cannot be written ({error.strerror}); choose a writable folder"
            ) from None
        # surrogateescape: names that are not UTF-8 keep their bytes
        text = io.TextIOWrapper(binary, encoding="utf-8", errors="surrogateescape", newline="")
        return stack.enter_context(text)

    def write(self, record: dict[str, Any]) -> None:
        """Add one row; None becomes an empty cell."""
        self._writer.writerow(record)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class OutputFolder:
    """A folder for results, one name for each source file.

    Args:
        path: of the folder, made when it is missing.
        option: that asked for it, for the message.

    Raises:
        UsageError: it cannot be made or written to.
    """

    def __init__(self, path: str, option: str = "--output") -> None:
        self.path = path
        self._taken: set[str] = set()
        try:
            os.makedirs(path, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise UsageError(
                f"{option} {path!r} cannot be written ({error.strerror}); choose a writable folder"
            ) from None

    def base_for(self, source: str, suffix: str = "") -> str:
        """Path without an ending for the files of a source; files of one name in several folders get numbers."""
        stem = os.fsdecode(os.fsencode(Path(source).stem)[:MAX_STEM_BYTES]) + suffix
        number, name = 1, stem
        while name.casefold() in self._taken:  # some file systems take A and a for one
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name.casefold())
        return os.path.join(self.path, name)


def to_json(record: Any, indent: int | None = None) -> str:
    """JSON in ASCII, which any terminal and any file name allow; never NaN."""
    return json.dumps(record, indent=indent, allow_nan=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns: colored and fitted on a terminal, one line per row when piped.

    Args:
        columns: headings; a last one called "notes" goes below the column before it on a terminal.
        rows: cells.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    is_terminal = sys.stdout.isatty()
    # A pipe has no width: nothing is cut or wrapped there.
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=_width() if is_terminal else 1 << 20)
    has_notes = is_terminal and columns[-1] == "notes"
    shown = len(columns) - has_notes
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(columns[:shown]):
        cells = [row[number] for row in rows]
        justify: Any = "right" if cells and all(_is_number(cell) for cell in cells) else "left"
        is_last = number == shown - 1
        width = None if is_last else max(len(printable(cell)) for cell in [column, *cells])
        table.add_column(column, justify=justify, overflow="fold", no_wrap=not is_last, min_width=width)
    for row in rows:
        texts = [Text(printable(cell)) for cell in row]
        texts[0].stylize(_STYLES.get(row[0], ""))
        if has_notes and row[-1]:
            texts[-2].append(f"\n{printable(row[-1])}", style="dim")
        table.add_row(*texts[:shown])
    with console.capture() as capture:
        console.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _width() -> int:
    return shutil.get_terminal_size().columns


def _is_number(cell: str) -> bool:
    return cell in ("", "-") or cell.lstrip("+-").replace(",", "").replace(".", "", 1).isdigit()
