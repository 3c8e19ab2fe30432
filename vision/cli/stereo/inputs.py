"""Which pairs the arguments of `vision stereo` mean: two files, two folders, one with both views, or a CSV file."""

from __future__ import annotations

import os
from pathlib import Path

from vision.cli.paths import PathFinder
from vision.errors import Notice, UsageError
from vision.files import natural_key
from vision.stereo_io.pair_list import read_pair_list
from vision.stereo_io.pairing import pair_names, pairs_within

_LISTED = 5

# Columns of lists that mean something here; those after calib are of data sets, and have no effect.
_COLUMNS = ("left", "right", "calib", "disparity", "disparity_right", "mask", "scene")


class FilePair(tuple[str, str]):
    """(left, right), paths; and what is known of them besides.

    Attributes:
        calib: a calibration of this pair alone, or None.
        is_one_file: whether left and right are the same file, with both views in it.
        error: why the pair cannot be matched, or None.
    """

    calib: str | None
    is_one_file: bool
    error: Notice | None

    def __new__(
        cls, left: str, right: str, calib: str | None = None, is_one_file: bool = False, error: Notice | None = None
    ) -> FilePair:
        """Two paths."""
        pair = super().__new__(cls, (left, right))
        pair.calib, pair.is_one_file, pair.error = calib, is_one_file, error
        return pair


def find_pairs(inputs: list[str], side_by_side: bool = False) -> tuple[list[FilePair], list[str]]:
    """Pairs of files, and what could not be paired or is not heeded, one line each.

    Args:
        inputs: LEFT RIGHT, a folder with both views, a list of pairs, or an MPO file.
        side_by_side: inputs are images with both views side by side, or folders of them.

    Raises:
        UsageError: the inputs are neither two files, nor folders, nor a CSV file of pairs; or there is no pair.
    """
    if side_by_side:
        return _from_both(inputs)
    if len(inputs) == 1:
        if inputs[0].lower().endswith(".csv"):
            return _from_csv(inputs[0])
        if inputs[0].lower().endswith((".mpo", ".jps")):
            return [FilePair(inputs[0], inputs[0], is_one_file=True)], []
        if os.path.isdir(inputs[0]):
            return _from_one_folder(inputs[0])
        raise UsageError(
            f"got {inputs[0]!r} alone; expected LEFT RIGHT, two images or folders, or one folder with both views, or a "
            "CSV file (.csv), or both views in one image with --side-by-side"
        )
    if len(inputs) != 2:
        raise UsageError(f"got {len(inputs)} inputs; expected LEFT RIGHT, two images or folders, or one CSV file")
    left, right = inputs
    if os.path.isdir(left) != os.path.isdir(right):
        raise UsageError(f"{left!r} and {right!r} are a folder and a file; expected two files or two folders")
    return _from_folders(left, right) if os.path.isdir(left) else ([FilePair(left, right)], [])


def _from_folders(left: str, right: str) -> tuple[list[FilePair], list[str]]:
    lefts, problems = images_in(left)
    rights, more = images_in(right)
    found = pair_names(lefts, rights, (left, right))
    pairs = [FilePair(os.path.join(left, one), os.path.join(right, other)) for one, other in found.pairs]
    alone = [
        os.path.join(folder, name) for folder, side in zip((left, right), found.alone, strict=True) for name in side
    ]
    note = [] if found.note is None else [f"warning: {found.note}"]
    return pairs, problems + more + note + without_partner(alone)


def _from_one_folder(folder: str) -> tuple[list[FilePair], list[str]]:
    names, problems = images_in(folder)
    found = pairs_within(names, folder)
    pairs = [FilePair(os.path.join(folder, one), os.path.join(folder, other)) for one, other in found.pairs]
    return pairs, problems + without_partner([os.path.join(folder, name) for name in found.alone[0]])


def images_in(folder: str) -> tuple[list[str], list[str]]:
    """Names of the images below a folder, relative to it, and what could not be listed."""
    from vision.drawn import is_drawn
    from vision.images import IMAGE_SUFFIXES

    finder = PathFinder(IMAGE_SUFFIXES, is_drawn)
    paths = finder.expand([folder])
    return [os.path.relpath(path, folder) for path in paths], finder.remarks()


def without_partner(paths: list[str]) -> list[str]:
    """What is said of images without a partner."""
    if not paths:
        return []
    rest = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return [f"warning: without a partner of the same name: {', '.join(paths[:_LISTED])}{rest}"]


def _from_both(inputs: list[str]) -> tuple[list[FilePair], list[str]]:
    pairs, problems = [], []
    for path in inputs:
        names, more = images_in(path) if os.path.isdir(path) else ([""], [])
        files = sorted((os.path.join(path, name) if name else path for name in names), key=natural_key)
        pairs += [FilePair(file, file, is_one_file=True) for file in files]
        problems += more
    return pairs, problems


def _from_csv(path: str) -> tuple[list[FilePair], list[str]]:
    """Columns `left`, `right` and, if wanted, `calib`. Paths are relative to the folder of the file."""
    folder, pairs, unknown = Path(path).parent, [], []
    for line, cells in read_pair_list(path, keep_empty=True):
        unknown = [column for column in cells if column not in _COLUMNS]
        left, right, calib = (str(folder / cells[name]) if cells.get(name) else "" for name in _COLUMNS[:3])
        missing = [name for name in _COLUMNS[:2] if not cells[name]]
        text = f"{path}, line {line}: no {' and no '.join(missing)} image; expected a file name"
        pairs.append(FilePair(left, right, calib or None, error=Notice(text, "bad-list", path) if missing else None))
    if all(pair.error is not None for pair in pairs):
        raise UsageError(str(pairs[0].error), code="bad-list", value=path)
    told = f"{path}: warning: nothing is done with the columns {', '.join(unknown)}; known are left, right and calib"
    return pairs, [told] if unknown else []
