"""Files that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which takes its final name when the block ends without an error.

    Raises:
        OSError: the folder is missing, the disk is full and so on; nothing is left behind.
    """
    target = Path(path)
    # Short, so that the longest name that the file system allows still works.
    temporary = target.parent / f".{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        with open(temporary, "xb") as file:
            yield file
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], *parts: bytes | memoryview) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as file:
        for part in parts:
            file.write(part)


def write_csv(path: str | os.PathLike[str], header: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """Write a CSV file whole or not at all; the folder is made if missing."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
        os.replace(temporary, target)
    except OSError:
        os.unlink(temporary)
        raise
