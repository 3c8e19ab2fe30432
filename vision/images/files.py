"""Opening files that a stranger named: regular ones only."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from vision.images.errors import ImageError

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib"),
        *(".gif", ".jp2", ".j2k", ".jpx", ".avif", ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
_REASONS = {
    errno.ENOENT: "no such file; check the path",
    errno.ENOTDIR: "no such file: a part of the path is not a folder; check the path",
    errno.EACCES: "no permission to read this file; change its mode or run as its owner",
    errno.EPERM: "no permission to read this file; change its mode or run as its owner",
    errno.ENAMETOOLONG: "the file name is too long for this system; shorten it",
    errno.ELOOP: "the symbolic links form a loop; expected a link to an image file",
}


@contextmanager
def open_regular(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a regular file for reading; folders, pipes and devices are refused without being opened.

    Raises:
        ImageError: with the reason in one line.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            reason = f"is {_kind_name(mode)}, not a regular file; expected an image file"
            raise ImageError(path, reason, code="unreadable-file")
        # Should a pipe have taken the file's place since, O_NONBLOCK keeps the opening from waiting for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        raise ImageError(path, _open_reason(path, error), code="unreadable-file") from None
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _open_reason(path: str | os.PathLike[str], error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):  # a NUL character in the name
        return f"not a usable file name ({error}); check the path"
    if error.errno == errno.ENOENT and os.path.islink(path):
        return f"broken symbolic link to {os.readlink(path)!r}; expected a link to an image file"
    return _REASONS.get(error.errno or 0, f"cannot be opened ({error.strerror}); expected a readable image file")


def _kind_name(mode: int) -> str:
    kinds: dict[str, Callable[[int], bool]] = {
        "a folder": stat.S_ISDIR,
        "a pipe": stat.S_ISFIFO,
        "a socket": stat.S_ISSOCK,
        "a device": lambda value: stat.S_ISCHR(value) or stat.S_ISBLK(value),
    }
    return next((name for name, test in kinds.items() if test(mode)), "a special file")
