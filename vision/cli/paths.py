"""Which files the arguments of a command mean: files, folders, patterns, a list on standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator

from vision.errors import UsageError


class PathFinder:
    """Expands arguments to image files, in a stable order.

    Args:
        suffixes: file name endings, in lower case, that count as images inside folders.
        is_left_out: says of a file inside a folder that it does not count; None takes all.

    Attributes:
        left_out: the files that `is_left_out` kept away.
        problems: (path, reason) of folders below the given ones that could not be listed.
    """

    def __init__(self, suffixes: Iterable[str], is_left_out: Callable[[str], bool] | None = None) -> None:
        self.is_left_out = is_left_out
        self.left_out: list[str] = []
        self.suffixes = tuple(sorted(suffixes))
        self.problems: list[tuple[str, str]] = []

    def expand(self, arguments: Iterable[str]) -> list[str]:
        """Files as given, whatever their ending; folders recursively; patterns unless a file has that very name; `-`.

        Raises:
            UsageError: a folder without images, a pattern without matches, an empty list.
        """
        found: list[str] = []
        for argument in arguments:
            if argument == "-":
                found += self._listed()
            elif glob.has_magic(argument) and not os.path.lexists(argument):
                matches = sorted(glob.glob(argument, recursive=True))
                if not matches:
                    raise UsageError(f"no file matches the pattern {argument!r}")
                for match in matches:
                    found += self._one(match, is_required=False)
            else:
                found += self._one(argument, is_required=True)
        if not found:
            raise UsageError(f"no images found; in folders, names that end in {self._endings()} count")
        return found

    def _one(self, path: str, is_required: bool) -> list[str]:
        if not os.path.isdir(path):
            return [path]
        inside = list(self._inside(path))
        if is_required and not inside:
            raise UsageError(f"no images in folder {path!r}; expected names that end in {self._endings()}")
        return inside

    def _inside(self, folder: str) -> Iterator[str]:
        def note(error: OSError) -> None:
            if error.filename == folder:
                raise UsageError(f"folder {folder!r} cannot be listed ({error.strerror}); check its permissions")
            self.problems.append((str(error.filename), f"cannot be listed ({error.strerror}); check its permissions"))

        for parent, folders, names in os.walk(folder, onerror=note):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(parent, name)
                if name.startswith(".") or not name.lower().endswith(self.suffixes):
                    continue
                if self.is_left_out is not None and self.is_left_out(path):
                    self.left_out.append(path)
                else:
                    yield path

    def _listed(self) -> list[str]:
        """Standard input: one path per line, or NUL-separated as `find -print0` writes them."""
        data = sys.stdin.buffer.read()
        parts = data.split(b"\0") if b"\0" in data else data.splitlines()
        paths = [os.fsdecode(part) for part in parts if part]
        if not paths:
            raise UsageError("no paths on standard input; expected one per line")
        return [file for path in paths for file in self._one(path, is_required=False)]

    def _endings(self) -> str:
        return ", ".join(self.suffixes)
