"""Files and folders that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import itertools
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

StrPath = str | os.PathLike[str]

# The last four are the wide forms, which spreadsheets of East Asia take for the same.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@contextlib.contextmanager
def replacing(path: StrPath) -> Iterator[BinaryIO]:
    """A binary file to write to, which takes its final name when the block ends without an error.

    Raises:
        OSError: as `replacing_path`.
    """
    with replacing_path(path) as temporary, open(temporary, "wb") as file:
        yield file


@contextlib.contextmanager
def replacing_path(path: StrPath, suffix: str = "") -> Iterator[Path]:
    """The name of an empty file to write to, for writers that want a name; it takes its final name at the end.

    What ends up under `path` is as if `open(path, "wb")` had made it: a new file has the mode that the umask gives, a
    file that is replaced keeps its own, and a symbolic link stays, while the file that it names is replaced.

    Args:
        path: final name.
        suffix: ending of the temporary name, where the writer chooses the format by it.

    Raises:
        OSError: the folder is missing, the disk is full, `path` is a folder or a device, and so on; it names `path`,
            also where the block's own error names no file. Nothing is left behind.
    """
    target = _target(path)
    # In the same folder, since a rename does not cross file systems; short, so that the longest name still works.
    temporary = target.parent / f".{os.getpid()}-{secrets.token_hex(6)}.tmp{suffix}"
    try:
        try:
            # Made here, so that the umask gives its mode, whatever the writer does.
            with open(temporary, "xb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        with naming(path):
            yield temporary
        if target.exists():
            mode = stat.S_IMODE(target.stat().st_mode)
        if stat.S_IMODE(temporary.stat().st_mode) != mode:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):  # a disk that cannot be written to says so even of what is not there
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_group(path: StrPath) -> Iterator[Path]:
    """The name of a file in an empty folder, for a writer that puts companions beside the file.

    At the end the companions are moved beside `path` first and the file that names them last, so that who finds the
    file finds what belongs to it. If one cannot be moved, those before it are taken back.

    Raises:
        OSError: as `replacing_path`.
    """
    target, folder = _target(path), Path(path).parent
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{os.getpid()}-", suffix=".tmp") as temporary:
        made = Path(temporary, "new", Path(path).name)
        kept = Path(temporary, "old")
        for new in (made.parent, kept):
            new.mkdir()
        with naming(path):
            yield made
        with contextlib.ExitStack() as undo:
            for companion in sorted(made.parent.iterdir()):
                if companion == made:
                    continue
                place = folder / companion.name
                if os.path.lexists(place):
                    os.replace(place, kept / companion.name)
                    undo.callback(os.replace, kept / companion.name, place)
                else:
                    undo.callback(place.unlink, missing_ok=True)
                os.replace(companion, place)
            with replacing_path(target) as last:
                shutil.move(made, last)  # copies it where a link leads to another file system
            undo.pop_all()


@contextlib.contextmanager
def new_folder(path: StrPath) -> Iterator[Path]:
    """An empty folder to fill, which takes its final name when the block ends without an error.

    Folders around it are made if missing.

    Raises:
        OSError: `path` is there already and is not an empty folder, it cannot be made, and so on. Nothing is left.
    """
    target = Path(path)
    # Always the same, so that the next run removes what a killed one has left: folders of data are large.
    temporary = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def free_places(folder: StrPath, names: Sequence[str]) -> dict[str, Path]:
    """Name -> path in a folder of files that belong together: all with one number where any is there already."""
    for number in itertools.count(1):
        mark = f"-{number}" if number > 1 else ""
        places = {name: (Path(folder) / name).with_stem(f"{Path(name).stem}{mark}") for name in names}
        if not any(os.path.lexists(path) for path in places.values()):
            break
    return places


@contextlib.contextmanager
def naming(path: StrPath) -> Iterator[None]:
    """Errors of writing to a file that is open already know neither its name nor the final one: name it."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise


def write_bytes(path: StrPath, *parts: bytes | memoryview) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as file:
        for part in parts:
            file.write(part)


def write_text(path: StrPath, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; its line ends stay as they are."""
    write_bytes(path, text.encode())


def write_csv(path: StrPath, header: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """Write a CSV file whole or not at all; the folder is made if missing."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    cells = [[csv_cell(value) for value in line] for line in (header, *lines)]
    csv.writer(text, lineterminator="\n").writerows(cells)
    write_text(path, text.getvalue())


def csv_cell(value: object) -> object:
    """A value as CSV files hold it: text in UTF-8, and none that spreadsheets take for a formula.

    Names and metadata are written by strangers: what begins with = + - @ gets an apostrophe before it, which
    spreadsheets do not show. Numbers stay as they are.
    """
    if not isinstance(value, str):
        return value
    text = readable(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def readable(text: str) -> str:
    """Text that UTF-8 can hold: bytes of a file name that are none become `\\xff`."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a pair of UTF-16, which no file name gives
        return text.encode("utf-8", "backslashreplace").decode()


def to_json(record: Any, indent: int | None = None) -> str:
    """JSON in ASCII, which any terminal and any reader allow: never NaN, no half of a pair of UTF-16."""
    return json.dumps(readable_record(record), indent=indent, allow_nan=False)


def readable_record(value: Any) -> Any:
    """A value of JSON, all of whose texts UTF-8 can hold."""
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {readable_record(key): readable_record(part) for key, part in value.items()}
    return [readable_record(part) for part in value] if isinstance(value, (list, tuple)) else value


def natural_key(name: str) -> tuple[tuple[int | str, ...], str]:
    """What names are sorted by so that 8 comes before 10; the name itself where they are the same otherwise."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name


def _target(path: StrPath) -> Path:
    """Where `open` would write: a link leads to the file that it names. Only a regular file can be replaced."""
    target = Path(path)
    if target.is_symlink():
        target = Path(os.path.realpath(target))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    return target
