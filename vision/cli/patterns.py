"""Patterns with * ? [ ] and **, which a shell did not expand."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Callable, Iterable, Iterator

OnError = Callable[[OSError], None]


def matches_of(pattern: str, on_error: OnError = lambda error: None) -> list[str]:
    """Files and folders that a pattern means, each once, sorted.

    A part of it that is there by that very name stands for itself, so that brackets in the name of a folder are no
    pattern. `**` stands for any number of folders, but follows no links, which may lead back; at the end it stands for
    the folder before it. Names that begin with a dot match only where the pattern has that dot.

    Args:
        pattern: relative or absolute.
        on_error: is told of folders that cannot be listed.
    """
    if os.path.lexists(pattern):
        return [pattern]
    drive, rest = os.path.splitdrive(pattern)
    root = drive + rest[: len(rest) - len(rest.lstrip(_separators()))]
    parts = [part for part in _split(rest) if part]
    found = {root}
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        found = {path for base in found for path in _step(base, part, is_last, on_error)}
    ends_with_folder = rest.endswith(tuple(_separators()))
    return sorted(path for path in found if path and (os.path.isdir(path) or not ends_with_folder))


def _step(base: str, part: str, is_last: bool, on_error: OnError) -> Iterable[str]:
    """What one part of a pattern means below one folder."""
    if part == "**":
        return [base or os.curdir] if is_last else _folders_below(base, on_error)
    path = os.path.join(base, part)
    if not glob.has_magic(part) or (part.strip("*") and os.path.lexists(path)):
        return [path] if os.path.lexists(path) else []
    names = (name for name in _listed(base, on_error) if part.startswith(".") or not name.startswith("."))
    found = [os.path.join(base, name) for name in fnmatch.filter(names, part)]
    return found if is_last else [path for path in found if os.path.isdir(path)]


def _folders_below(base: str, on_error: OnError) -> Iterator[str]:
    yield base
    for parent, folders, _ in os.walk(base or os.curdir, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                yield path if base else os.path.relpath(path)


def _listed(folder: str, on_error: OnError) -> list[str]:
    try:
        return os.listdir(folder or os.curdir)
    except NotADirectoryError:
        return []
    except OSError as error:
        on_error(error)
        return []


def _separators() -> str:
    return os.sep + (os.altsep or "")


def _split(path: str) -> list[str]:
    return path.replace(os.altsep, os.sep).split(os.sep) if os.altsep else path.split(os.sep)
