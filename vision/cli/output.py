"""How results leave the program: a folder with a name for each, JSON, a table for people."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vision.errors import UsageError
from vision.errors import printable as printable
from vision.files import to_json as to_json

MAX_STEM_BYTES = 180
# What the next file will meet as well: the run ends with it.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
_STYLES = {"real": "green", "camera": "green", "inconclusive": "yellow", "unclear": "yellow", "error": "magenta"}
_STYLES |= dict.fromkeys(("ai-generated", "ai-edited"), "bold red")


class OutputFolder:
    """A folder for results, one name for each source file, which no other run takes.

    It is a context: at its end the last name is free for others, unless its files are there by then.

    Args:
        path: of the folder, made when it is missing.
        option: that asked for it, for the message.

    Raises:
        UsageError: it cannot be made or written to.
    """

    def __init__(self, path: str, option: str = "--output") -> None:
        self.path = path
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}  # numbers found, so that a thousand of one name do not take a million looks
        self._mark: str | None = None
        try:
            os.makedirs(path, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise UsageError(
                f"{option} {path!r} cannot be written ({error.strerror}); choose a writable folder"
            ) from None

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def __del__(self) -> None:
        if hasattr(self, "_mark"):
            self._release()

    def base_for(self, source: str, suffix: str = "", endings: Sequence[str] = ("",)) -> str:
        """Path without an ending for the files of a source.

        Files of one name in several folders get numbers, and so do those whose name is taken already: by an earlier
        run, or by an input. Another run that is in progress cannot take the name before the next call, or the end of
        the context: the files are to be there by then.

        Args:
            source: the file that the name is made of.
            suffix: of the name.
            endings: what will be put behind the path; if any of these files is there, the name is taken.
        """
        stem = os.fsdecode(os.fsencode(Path(source).stem)[:MAX_STEM_BYTES]) + suffix
        number, name = self._last.get(stem, 1), stem
        if number > 1:
            name = f"{stem}-{number}"
        self._release()
        while name.casefold() in self._taken or not self._claims(name, endings):  # A and a may be one file
            number += 1
            name = f"{stem}-{number}"
        self._last[stem] = number
        self._taken.add(name.casefold())
        return os.path.join(self.path, name)

    def _claims(self, name: str, endings: Sequence[str]) -> bool:
        """Whether the name is free. It is looked up under a mark that one run alone can make, and that stays."""
        mark = os.path.join(self.path, f".{name}.taken")
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        self._mark = mark
        if any(_is_taken(os.path.join(self.path, f"{name}{ending}")) for ending in endings):
            self._release()
            return False
        return True

    def _release(self) -> None:
        mark, self._mark = self._mark, None
        if mark is not None:
            with suppress(OSError):
                os.unlink(mark)


def _is_taken(path: str) -> bool:
    """Whether something is there; an empty folder can be filled."""
    return os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path))


def write_problem(error: OSError) -> str:
    """What went wrong with one file, in a line.

    Raises:
        OSError: it is the disk, which is full or broken, and not this file alone.
    """
    if error.errno in _OF_THE_DISK:
        raise error
    name = error.filename2 or error.filename
    return f"cannot write {name!r} ({error.strerror})" if name is not None else f"cannot write: {error}"


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
