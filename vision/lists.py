"""Lists of files that others wrote, in whatever encoding their editor or shell chose."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from typing import BinaryIO

from vision.errors import UsageError

# A line for each of a million images; what is longer is no list, or has no end.
MAX_BYTES = 256 << 20

# UTF-16's mark begins that of UTF-32, which therefore comes first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_list(path: str | os.PathLike[str], expected: str = "a file that lists files") -> bytes:
    """The content of a list in UTF-8, without a byte order mark.

    Args:
        path: of the file.
        expected: what it should be, for the message.

    Raises:
        UsageError: the file cannot be read, is no regular file, or is too long for a list.
    """
    name = os.fspath(path)
    try:
        # A pipe would wait for its writer, and a device may have no end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unusable(name, f"is a pipe or a device; expected {expected}")
            return as_utf8(_bounded(file, name), name)
    except IsADirectoryError:
        raise _unusable(name, f"is a folder; expected {expected}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise _unusable(name, f"cannot be read ({reason}); expected {expected}") from None


def read_paths_from_stdin() -> list[str]:
    """Paths on standard input: one per line, or separated by zeros, as `find -print0` writes them.

    Raises:
        UsageError: it is closed, a folder or a device, holds no path, or is no text.
    """
    name = "standard input"
    if sys.stdin is None:
        raise _unusable(name, "is closed; expected a list of files, one per line")
    file = sys.stdin.buffer
    try:
        data = _bounded(file, name)
    except OSError as error:
        raise _unusable(name, f"cannot be read ({error.strerror}); expected a list of files, one per line") from None
    parts = _split(data, name)
    if not parts:
        raise UsageError(f"no paths on {name}; expected one per line", code="bad-list", value=name)
    return [os.fsdecode(part) for part in parts]


def read_paths(path: str | os.PathLike[str]) -> list[str]:
    """Paths in a file: one per line, or separated by zeros, as `find -print0` writes them.

    Raises:
        UsageError: as `read_list`.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = _bounded(file, name)
    except OSError as error:
        raise _unusable(name, f"cannot be read ({error.strerror}); expected a list of files") from None
    return [os.fsdecode(part) for part in _split(data, name)]


def as_utf8(data: bytes, name: str) -> bytes:
    """Text in UTF-8, without a byte order mark; UTF-16 and UTF-32, as Windows writes them, become UTF-8.

    Without a mark, text with zero bytes is taken for UTF-16. Other text is left as it is: names may hold any bytes.

    Args:
        data: the text.
        name: of the file, for the message.

    Raises:
        UsageError: it is neither.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding, name)
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    if b"\0" in data:
        # Latin letters have their zero behind them in the little-endian form, before them in the other.
        is_little = data[1::2].count(0) >= data[::2].count(0)
        return _decoded(data, "utf-16-le" if is_little else "utf-16-be", name)
    return data


def _split(data: bytes, name: str) -> list[bytes]:
    if b"\0" in data and not _is_utf16(data):
        return [part for part in _without_mark(data).split(b"\0") if part]
    # A mark is in the middle where several lists were joined.
    lines = as_utf8(data, name).splitlines()
    return [line for line in map(_without_mark, lines) if line]


def _is_utf16(data: bytes) -> bool:
    """Whether the zeros are halves of letters: separators would leave names of one letter, which are not there."""
    if data.startswith(tuple(mark for mark, _ in _MARKS)):
        return True
    if not data.strip(b"\0"):
        return False
    parts = data.removesuffix(b"\0").split(b"\0")
    short = [part for part in parts if len(part) < 2]
    return 2 * len(short) >= len(parts) and not all(part and os.path.lexists(part) for part in short)


def _without_mark(line: bytes) -> bytes:
    return line.removeprefix(codecs.BOM_UTF8)


def _bounded(file: BinaryIO, name: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _unusable(name, f"has more than {MAX_BYTES:,} bytes; expected a list of files")
    return data


def _decoded(data: bytes, encoding: str, name: str) -> bytes:
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _unusable(name, f"is no text: damaged {encoding.upper()} ({error.reason}); expected UTF-8") from None
    if "\0" in text:  # what is no text decodes, too
        raise _unusable(name, f"is no text: {encoding.upper()} with zeros; expected UTF-8")
    return text.encode(errors="surrogatepass")


def _unusable(name: str, reason: str) -> UsageError:
    return UsageError(f"{name}: {reason}", code="bad-list", value=name)
