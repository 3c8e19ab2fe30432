"""Which pairs the arguments of `vision stereo` mean: two files, two folders, one with both views, or a CSV file."""

from __future__ import annotations

import os
from pathlib import Path

from vision.cli.paths import PathFinder
from vision.errors import UsageError
from vision.stereo_io.pair_list import read_pair_list
from vision.stereo_io.pairing import pair_names, pairs_within

_LISTED = 5

FilePair = tuple[str, str]


def find_pairs(inputs: list[str]) -> tuple[list[FilePair], list[str]]:
    """Pairs of paths (left, right), and what could not be paired, one line each.

    Raises:
        UsageError: the inputs are neither two files, nor folders, nor a CSV file of pairs; or there is no pair.
    """
    if len(inputs) == 1:
        if inputs[0].lower().endswith(".csv"):
            return _from_csv(inputs[0]), []
        if os.path.isdir(inputs[0]):
            return _from_one_folder(inputs[0])
        raise UsageError(
            f"got {inputs[0]!r} alone; expected LEFT RIGHT, two images or folders, or one folder with both views, or a "
            "CSV file (.csv)"
        )
    if len(inputs) != 2:
        raise UsageError(f"got {len(inputs)} inputs; expected LEFT RIGHT, two images or folders, or one CSV file")
    left, right = inputs
    if os.path.isdir(left) != os.path.isdir(right):
        raise UsageError(f"{left!r} and {right!r} are a folder and a file; expected two files or two folders")
    return _from_folders(left, right) if os.path.isdir(left) else ([(left, right)], [])


def _from_folders(left: str, right: str) -> tuple[list[FilePair], list[str]]:
    lefts, problems = _images(left)
    rights, more = _images(right)
    found = pair_names(lefts, rights, (left, right))
    pairs = [(os.path.join(left, one), os.path.join(right, other)) for one, other in found.pairs]
    alone = [
        os.path.join(folder, name) for folder, side in zip((left, right), found.alone, strict=True) for name in side
    ]
    note = [] if found.note is None else [f"warning: {found.note}"]
    return pairs, problems + more + note + _without_partner(alone)


def _from_one_folder(folder: str) -> tuple[list[FilePair], list[str]]:
    names, problems = _images(folder)
    found = pairs_within(names, folder)
    pairs = [(os.path.join(folder, one), os.path.join(folder, other)) for one, other in found.pairs]
    return pairs, problems + _without_partner([os.path.join(folder, name) for name in found.alone[0]])


def _images(folder: str) -> tuple[list[str], list[str]]:
    """Names of the images below a folder, relative to it, and what could not be listed."""
    from vision.images import IMAGE_SUFFIXES

    finder = PathFinder(IMAGE_SUFFIXES)
    paths = finder.expand([folder])
    return [os.path.relpath(path, folder) for path in paths], [f"{path}: {reason}" for path, reason in finder.problems]


def _without_partner(paths: list[str]) -> list[str]:
    if not paths:
        return []
    rest = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return [f"warning: without a partner of the same name: {', '.join(paths[:_LISTED])}{rest}"]


def _from_csv(path: str) -> list[FilePair]:
    """Columns `left` and `right`; others are ignored. Paths are relative to the folder of the file."""
    folder = Path(path).parent
    return [(str(folder / cells["left"]), str(folder / cells["right"])) for _, cells in read_pair_list(path)]
