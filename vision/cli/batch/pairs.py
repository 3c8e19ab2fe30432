"""Which pairs the arguments of `vision batch stereo` mean, on this machine or at addresses."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from typing import NamedTuple

from vision.batch.listing import check_address, files_at
from vision.batch.places import FetchError, Place, fetched, is_address, is_of_this_process, store_of
from vision.cli.stereo.inputs import find_pairs, images_in, without_partner
from vision.errors import Notice, UsageError
from vision.files import natural_key
from vision.images import IMAGE_SUFFIXES
from vision.lists import MAX_BYTES
from vision.stereo_io.pair_list import read_pair_list
from vision.stereo_io.pairing import pair_names, pairs_within


class PairPlaces(NamedTuple):
    """Where a pair lies.

    Attributes:
        left: the left view, or both.
        right: the right view; None where the left one has both.
        calib: a calibration of this pair alone, or None.
        error: why it cannot be matched, or None.
    """

    left: Place
    right: Place | None
    calib: Place | None = None
    error: Notice | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Names of both views."""
        return self.left.name, (self.right or self.left).name


def pairs_at(inputs: Sequence[str], side_by_side: bool) -> tuple[list[PairPlaces], list[str]]:
    """Pairs, and what could not be paired: as `vision.cli.stereo.inputs.find_pairs`, also at addresses.

    Raises:
        UsageError: the inputs do not tell pairs, or cannot be listed.
    """
    for argument in inputs:
        if is_address(argument):
            check_address(argument)
    if not any(map(is_address, inputs)):
        pairs, problems = find_pairs([os.path.abspath(argument) for argument in inputs], side_by_side)
        return [
            PairPlaces(
                _here(pair[0]),
                None if pair.is_one_file else _here(pair[1]),
                None if pair.calib is None else _here(pair.calib),
                pair.error,
            )
            for pair in pairs
        ], problems
    if side_by_side:
        names = [_join(argument, name) for argument in inputs for name in _names(argument)]
        return [PairPlaces(_place(name), None) for name in sorted(names, key=natural_key)], []
    if len(inputs) == 1 and inputs[0].lower().endswith(".csv"):
        return _from_csv(inputs[0]), []
    if len(inputs) == 1:
        found = pairs_within(_names(inputs[0]), inputs[0])
        alone = [_join(inputs[0], name) for name in found.alone[0]]
        return _joined(inputs[0], inputs[0], found.pairs), without_partner(alone)
    if len(inputs) != 2:
        raise UsageError(f"got {len(inputs)} inputs; expected LEFT RIGHT, two images or folders, or one CSV file")
    left, right = inputs
    if all(argument.lower().endswith(tuple(IMAGE_SUFFIXES)) for argument in inputs):
        return [PairPlaces(_place(left), _place(right))], []
    found = pair_names(_names(left), _names(right), (left, right))
    alone = [_join(folder, name) for folder, side in zip(inputs, found.alone, strict=True) for name in side]
    note = [] if found.note is None else [f"warning: {found.note}"]
    return _joined(left, right, found.pairs), note + without_partner(alone)


def _joined(left: str, right: str, pairs: Sequence[tuple[str, str]]) -> list[PairPlaces]:
    return [PairPlaces(_place(_join(left, one)), _place(_join(right, other))) for one, other in pairs]


def _names(folder: str) -> list[str]:
    """Names of images below a folder, relative to it."""
    if not is_address(folder):
        return images_in(folder)[0]
    base = folder.rstrip("/") + "/"
    names = [place.name.removeprefix(base) for place in files_at(folder, IMAGE_SUFFIXES)]
    if not names:
        raise UsageError(f"no images at {folder!r}; expected names that end in those of images", code="no-pairs")
    return names


def _from_csv(address: str) -> list[PairPlaces]:
    place = _place(address)
    try:
        with fetched(place, MAX_BYTES) as path:
            try:
                lines = read_pair_list(path, keep_empty=True)
            except UsageError as error:
                raise UsageError(str(error).replace(path, address), code=error.code, value=address) from None
    except FetchError as error:
        raise UsageError(f"{address}: {error}", code=error.code, value=address) from None
    folder = posixpath.dirname(address)
    pairs = []
    for line, cells in lines:
        left, right, calib = (cells.get(name, "") for name in ("left", "right", "calib"))
        problem = None
        if not (left and right):
            problem = Notice(f"{address}, line {line}: expected the names of two images", "bad-list", address)
        known = None if not calib else _place(_join(folder, calib))
        pairs.append(PairPlaces(_place(_join(folder, left)), _place(_join(folder, right)), known, problem))
    return pairs


def _join(folder: str, name: str) -> str:
    return name if "://" in name or not name else posixpath.join(folder, name)


def _place(name: str) -> Place:
    if not is_address(name):
        return _here(name)
    if is_of_this_process(name):
        store, path = store_of(name)
        return Place(name, store.cat_file(path) if store.exists(path) else None)
    return Place(name)


def _here(name: str) -> Place:
    return Place(name and os.path.abspath(name))  # a list may leave a name out
