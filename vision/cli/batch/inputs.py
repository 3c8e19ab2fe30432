"""Which inputs the arguments of `vision batch` mean, found one after another where the driver runs."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence

from vision.batch.listing import LIST_SUFFIXES, check_address, files_at, is_list, listed
from vision.batch.places import Place, absolute, is_address, is_of_this_process
from vision.cli.paths import PathFinder
from vision.errors import UsageError
from vision.lists import read_paths_from_stdin

STDIN = "-"


class Inputs:
    """Images that arguments name: files, folders, patterns, addresses, lists.

    What is on standard input is kept, packed: workers have another one.

    Args:
        arguments: as they were given.
        suffixes: endings of names that count in folders.

    Raises:
        UsageError: an argument names nothing that is there, or standard input has no list.
    """

    def __init__(self, arguments: Sequence[str], suffixes: Sequence[str]) -> None:
        self.suffixes = tuple(suffixes)
        self._current = os.getcwd()  # the process that lists may be in another folder
        self.arguments = [_absolute(argument) for argument in arguments]
        self._stdin = b""
        for argument in self.arguments:
            if argument == STDIN:
                lines = [_absolute(line) for line in read_paths_from_stdin()]
                self._stdin = zlib.compress("\0".join(lines).encode("utf-8", "surrogateescape"), 1)
            elif is_address(argument):
                check_address(argument)
            elif is_list(argument) and not os.path.isfile(argument):
                raise UsageError(
                    f"list {argument!r} is no file; expected one with a path or an address in each line, as names that "
                    f"end in {', '.join(LIST_SUFFIXES)} say",
                    code="bad-list",
                    value=argument,
                )

    @property
    def is_of_this_process(self) -> bool:
        """Whether some are in this process's memory."""
        return any(is_of_this_process(argument) for argument in self.arguments)

    def places(self, finder: PathFinder) -> Iterator[Place]:
        """The files, in an order that is the same each time; `finder` has the remarks at the end.

        Raises:
            UsageError: there are none, or they cannot be listed.
        """
        is_empty = True
        for argument in self.arguments:
            for place in self._of(argument, finder):
                is_empty = False
                yield place
        if is_empty:
            raise finder.nothing()

    def _of(self, argument: str, finder: PathFinder) -> Iterator[Place]:
        if argument == STDIN:
            names = zlib.decompress(self._stdin).decode("utf-8", "surrogateescape").split("\0")
            yield from self._named(iter(names), finder)
        elif is_list(argument):
            yield from self._named(listed(argument, self._current), finder)
        elif is_address(argument):
            yield from files_at(argument, self.suffixes)
        else:
            yield from map(Place, finder.files_of(argument))

    def _named(self, names: Iterator[str], finder: PathFinder) -> Iterator[Place]:
        """What a list names; what is not there, or cannot be listed, gets a row that says so."""
        for name in names:
            name = absolute(name, self._current)
            if not is_address(name):
                yield from map(Place, finder.inside(name))
                continue
            try:
                if name.lower().endswith(self.suffixes) and not is_of_this_process(name):
                    yield Place(name)
                else:
                    yield from files_at(name, self.suffixes)
            except UsageError:
                yield Place(name)


def _absolute(name: str) -> str:
    return name if name == STDIN else absolute(name)
