"""Files that options name to be written: never an input of the run, and one that is there only if that is asked for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from vision.errors import UsageError

STDIN = "-"


def require_free(path: str, option: str, inputs: Iterable[str], overwrite: bool, remedy: str = "--overwrite") -> None:
    """Check that a file may be written.

    Args:
        path: of the file.
        option: that names it, for the message.
        inputs: files that the run reads; `-` is standard input.
        overwrite: whether a file that is there may be replaced. An input never is.
        remedy: the options that allow a file that is there, for the message.

    Raises:
        UsageError: it may not.
    """
    if not os.path.lexists(path):
        return
    if any(_is_same(path, other) for other in inputs):
        raise UsageError(f"{option} {path!r} is an input of this run, which is never written to; choose another name")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"{option} {path!r} is not a regular file; expected the name of a file to write")
    if not overwrite:
        raise UsageError(f"{option} {path!r} is there already; choose another name, or see {remedy}")


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """The option that lets a file that is there be replaced."""
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")


def _is_same(path: str, other: str) -> bool:
    """Whether both are one file, under whatever names."""
    try:
        found = os.fstat(sys.stdin.fileno()) if other == STDIN else os.stat(other)
        return os.path.samestat(os.stat(path), found)
    except (OSError, ValueError):  # one is not there, or standard input is no file
        return False
