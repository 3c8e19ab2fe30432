"""Finds files by addresses and in lists, one after another: a million names are never in memory at once."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator

from vision.batch.places import Place, is_address, is_of_this_process, store_error, store_of
from vision.errors import UsageError
from vision.lists import read_paths

LIST_SUFFIXES = (".txt", ".lst", ".list")
_MAX_LINE = 1 << 16
_HEAD = 4096


def is_list(argument: str) -> bool:
    """Whether an argument names a list of files."""
    return argument.lower().endswith(LIST_SUFFIXES)


def check_address(address: str) -> None:
    """Look whether something is at an address, before anything slow begins.

    Raises:
        UsageError: there is nothing, or it may not be read.
    """
    store, path = store_of(address)
    try:
        found = bool(store.glob(path)) if has_pattern(address) else store.exists(path)
        if not found:
            # `exists` of some stores says no to whoever may not look.
            store.info(path)
    except Exception as error:
        raise store_error(address, error) from None
    if not found:
        raise store_error(address, FileNotFoundError())


def has_pattern(address: str) -> bool:
    """Whether an address is a pattern of names; a question mark of http begins its query."""
    return "*" in address and not address.startswith(("http://", "https://"))


def files_at(address: str, suffixes: Iterable[str]) -> Iterator[Place]:
    """Files at an address: itself, those below it that have one of the endings, or those that a pattern fits.

    Names that begin with a dot are left out below folders. The names of one folder are in memory at a time.

    Raises:
        UsageError: it cannot be listed.
    """
    store, path = store_of(address)
    head = address.partition("://")[0] + "://"
    endings = tuple(suffixes)
    try:
        if has_pattern(address):
            names: Iterable[str] = sorted(store.glob(path))
        elif address.startswith(("http://", "https://")) or store.isfile(path):
            yield _placed(store, address, path)
            return
        else:
            names = _below(store, path, endings)
        for name in names:
            yield _placed(store, _address(head, name), name)
    except UsageError:
        raise
    except Exception as error:
        raise store_error(address, error) from None


def listed(argument: str, current: str) -> Iterator[str]:
    """What the lines of a list name: addresses, and absolute paths.

    Args:
        argument: path or address of the list.
        current: folder that the user is in: names start there that are there and not in the list's folder.

    Raises:
        UsageError: it cannot be read.
    """
    if is_address(argument):
        for line in _lines_at(argument):
            yield line if "://" in line else posixpath.join(posixpath.dirname(argument), line)
        return
    folder = os.path.dirname(os.path.abspath(argument))
    for line in _lines_of(argument):
        beside = os.path.join(folder, line)
        here = os.path.join(current, line)
        is_here = os.path.lexists(here) and not os.path.lexists(beside)
        yield line if is_address(line) else here if is_here else beside


def _below(store: object, path: str, endings: tuple[str, ...]) -> Iterator[str]:
    for parent, folders, files in store.walk(path, on_error="raise"):  # type: ignore[attr-defined]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(endings):
                yield posixpath.join(parent, name)


def _address(head: str, name: str) -> str:
    return f"{head}{name.lstrip('/') if head != 'file://' else name}"


def _placed(store: object, address: str, path: str) -> Place:
    return Place(address, store.cat_file(path) if is_of_this_process(address) else None)  # type: ignore[attr-defined]


def _lines_at(address: str) -> Iterator[str]:
    store, path = store_of(address)
    try:
        with store.open(path, "rb") as file:
            for line in file:
                if text := line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n"):
                    yield os.fsdecode(text)
    except Exception as error:
        raise store_error(address, error) from None


def _lines_of(path: str) -> Iterator[str]:
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            if b"\0" in head or head[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16, or zeros between names: as a whole
                yield from read_paths(path)
                return
            file.seek(0)
            is_first = True
            while line := file.readline(_MAX_LINE):
                text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
                if text:
                    yield os.fsdecode(text)
                is_first = False
            if is_first:
                raise UsageError(f"{path}: is empty; expected a list of files", code="bad-list", value=path)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); expected a list of files", code="bad-list", value=path
        ) from None
