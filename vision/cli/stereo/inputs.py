"""Which pairs the arguments of `vision stereo` mean: two files, two folders, or a CSV file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from vision.cli.paths import PathFinder
from vision.errors import UsageError
from vision.stereo_io.pair_list import read_pair_list

_LISTED = 5
# What tells the views apart in names that are the same otherwise.
_SIDE = re.compile(r"left|right|(?<![a-z0-9])[lr](?![a-z0-9])", re.IGNORECASE)

FilePair = tuple[str, str]


def find_pairs(inputs: list[str]) -> tuple[list[FilePair], list[str]]:
    """Pairs of paths (left, right), and what could not be paired, one line each.

    Raises:
        UsageError: the inputs are neither two files, nor two folders, nor a CSV file of pairs; or there is no pair.
    """
    if len(inputs) == 1:
        if inputs[0].lower().endswith(".csv"):
            return _from_csv(inputs[0]), []
        raise UsageError(f"got {inputs[0]!r} alone; expected LEFT RIGHT, two images or folders, or a CSV file (.csv)")
    if len(inputs) != 2:
        raise UsageError(f"got {len(inputs)} inputs; expected LEFT RIGHT, two images or folders, or one CSV file")
    left, right = inputs
    if os.path.isdir(left) != os.path.isdir(right):
        raise UsageError(f"{left!r} and {right!r} are a folder and a file; expected two files or two folders")
    return _from_folders(left, right) if os.path.isdir(left) else ([(left, right)], [])


def _from_folders(left: str, right: str) -> tuple[list[FilePair], list[str]]:
    """By equal names, then by names that differ in the side alone, then in the order of the names."""
    from vision.drawn import is_drawn
    from vision.images import IMAGE_SUFFIXES

    finder = PathFinder(IMAGE_SUFFIXES, is_drawn)
    lefts, rights = finder.expand([left]), finder.expand([right])
    problems = finder.remarks()
    if sorted(_by_name(lefts, left, str)) == sorted(_by_name(rights, right, str)):
        return list(zip(sorted(lefts), sorted(rights), strict=True)), problems
    for name_of in (_stem, _name_without_side):
        first, second = _by_name(lefts, left, name_of), _by_name(rights, right, name_of)
        common = [name for name in first if name in second]
        if common and len(first) == len(lefts) and len(second) == len(rights):
            alone = [path for name, path in first.items() if name not in second]
            alone += [path for name, path in second.items() if name not in first]
            return [(first[name], second[name]) for name in common], problems + _without_partner(alone)
    if len(lefts) != len(rights):
        raise UsageError(
            f"{left!r} has {len(lefts)} images, {right!r} {len(rights)}, and no names agree; "
            "expected equal names in both, or a CSV file of pairs"
        )
    problems.append(f"warning: no names in {left} and {right} agree; the images are paired in their order")
    return list(zip(lefts, rights, strict=True)), problems


def _by_name(paths: list[str], folder: str, name_of: Callable[[str], str]) -> dict[str, str]:
    return {name_of(os.path.relpath(path, folder)): path for path in paths}


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]


def _name_without_side(path: str) -> str:
    return _SIDE.sub("", _stem(path))


def _without_partner(paths: list[str]) -> list[str]:
    if not paths:
        return []
    rest = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return [f"warning: without a partner of the same name: {', '.join(paths[:_LISTED])}{rest}"]


def _from_csv(path: str) -> list[FilePair]:
    """Columns `left` and `right`; others are ignored. Paths are relative to the folder of the file."""
    folder = Path(path).parent
    return [(str(folder / cells["left"]), str(folder / cells["right"])) for _, cells in read_pair_list(path)]
