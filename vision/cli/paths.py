"""Which files the arguments of a command mean: files, folders, patterns, a list on standard input."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from vision.cli.kinds import foreign_kind
from vision.cli.patterns import matches_of
from vision.errors import UsageError
from vision.lists import read_paths_from_stdin


class Gap(str):
    """A remark that images may be missing: a run that makes it is done in part."""


class PathFinder:
    """Expands arguments to image files, in a stable order.

    Args:
        suffixes: file name endings, in lower case, that count as images inside folders.
        is_left_out: says of a file inside a folder that it does not count; None takes all.

    Attributes:
        left_out: the files that `is_left_out` kept away.
        foreign: (path, kind) of images inside folders that cannot be read here, or whose names do not say so.
        linked: links to folders inside folders, which are not followed.
        problems: (path, reason) of folders below the given ones that could not be listed.
    """

    def __init__(self, suffixes: Iterable[str], is_left_out: Callable[[str], bool] | None = None) -> None:
        self.is_left_out = is_left_out
        self.left_out: list[str] = []
        self.suffixes = tuple(sorted(suffixes))
        self.foreign: list[tuple[str, str]] = []
        self.linked: list[str] = []
        self.problems: list[tuple[str, str]] = []

    def expand(self, arguments: Iterable[str]) -> list[str]:
        """Files as given, whatever their ending; folders recursively; patterns unless a file has that very name; `-`.

        Raises:
            UsageError: a folder without images, a pattern without matches, an empty list.
        """
        found: list[str] = []
        for argument in arguments:
            if argument == "-":
                found += [file for path in read_paths_from_stdin() for file in self.inside(path)]
            else:
                found += self.files_of(argument)
        if not found:
            raise self.nothing()
        return found

    def files_of(self, argument: str) -> Iterator[str]:
        """What one argument means, as `expand`, each file as soon as it is found.

        Raises:
            UsageError: a folder without images, a pattern without matches.
        """
        if glob.has_magic(argument) and not os.path.lexists(argument):
            yield from self._matched(argument)
            return
        is_empty = True
        for file in self.inside(argument):
            is_empty = False
            yield file
        if is_empty:
            expected = f"expected names that end in {self._endings()}{self._rest()}"
            raise UsageError(f"no images in folder {argument!r}; {expected}")

    def nothing(self) -> UsageError:
        """The error of arguments that mean no file."""
        return UsageError(f"no images found; in folders, names that end in {self._endings()} count{self._rest()}")

    def remarks(self) -> list[str]:
        """What was not taken, and why, one line each; those that mean that an image may be missing are a `Gap`."""
        lines: list[str] = [Gap(f"{path}: {reason}") for path, reason in self.problems]
        if self.foreign:
            lines.append(
                Gap(
                    f"{_counted(self.foreign, 'image')} left out, which cannot be read here or whose names do not say "
                    f"that they are images: {self._kinds()}; such as {self.foreign[0][0]}"
                )
            )
        if self.left_out:
            lines.append(f"{_counted(self.left_out, 'output')} of earlier runs left out, such as {self.left_out[0]}")
        if self.linked:
            lines.append(f"{_counted(self.linked, 'linked folder')} not searched, such as {self.linked[0]}")
        return lines

    def _matched(self, pattern: str) -> list[str]:
        def note(error: OSError) -> None:
            self.problems.append(_unlisted(error))

        matches = matches_of(pattern, note)
        if not matches:
            problem = f"; {self.problems[0][0]!r} {self.problems[0][1]}" if self.problems else ""
            raise UsageError(f"no file matches the pattern {pattern!r}{problem}")
        # A folder that matches holds files that may match as well.
        return list(dict.fromkeys(file for match in matches for file in self.inside(match)))

    def inside(self, path: str) -> Iterator[str]:
        """The images of a folder; anything else is itself."""
        if os.path.isdir(path):
            yield from self._inside(path)
        else:
            yield path

    def _inside(self, folder: str) -> Iterator[str]:
        def note(error: OSError) -> None:
            if error.filename == folder:
                raise UsageError(f"folder {folder!r} cannot be listed ({error.strerror}); check its permissions")
            self.problems.append(_unlisted(error))

        for parent, folders, names in os.walk(folder, onerror=note):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            self.linked += [path for name in folders if os.path.islink(path := os.path.join(parent, name))]
            for name in sorted(names):
                if name.startswith("."):
                    continue
                path = os.path.join(parent, name)
                if not name.lower().endswith(self.suffixes):
                    kind = foreign_kind(path)
                    self.foreign += [(path, kind)] if kind is not None else []
                elif self.is_left_out is not None and self.is_left_out(path):
                    self.left_out.append(path)
                else:
                    yield path

    def _kinds(self) -> str:
        counts = Counter(kind for _, kind in self.foreign)
        return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())

    def _rest(self) -> str:
        """What is there though no image was taken."""
        found = [self._kinds()] if self.foreign else []
        found += [f"{_counted(self.left_out, 'output')} of earlier runs"] if self.left_out else []
        return f"; left out: {', '.join(found)}" if found else ""

    def _endings(self) -> str:
        return ", ".join(self.suffixes)


def _unlisted(error: OSError) -> tuple[str, str]:
    return str(error.filename), f"cannot be listed ({error.strerror}); check its permissions"


def _counted(things: list[str] | list[tuple[str, str]], noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"
