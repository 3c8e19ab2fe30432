"""Batches of pairs of images that are matched."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from vision.batch.job import PATH, Item, Job, Record, Work
from vision.batch.places import Place, absolute, is_of_this_process
from vision.cli.batch.fields import COUNT, NUMBER, TEXTS, allow_as_asked, schema_of, worked
from vision.cli.batch.pairs import PairPlaces, pairs_at
from vision.cli.stereo.files import Written
from vision.cli.stereo.inputs import FilePair
from vision.cli.stereo.matching import geometry_of, inferencer_of, inputs_of
from vision.images.jpeg import MAX_BYTES
from vision.structures.stereo import StereoResult, result_fields

_KINDS = tuple(f"{what}_{part}" for what in ("disparity", "motion") for part in ("min", "median", "max"))
_NUMBERS = (*_KINDS, "occluded", "textureless", "confidence", "focal", "focal_y", "cx", "cy", "baseline", "doffs")
_TYPES = {
    **dict.fromkeys((*_NUMBERS, "scale", "seconds"), NUMBER),
    **dict.fromkeys(("width", "height"), COUNT),
    "rotation": pa.list_(NUMBER),
    "warnings": TEXTS,
    # What the command says of the files that it writes: here there are none.
    "points": COUNT,
    "points_beyond": COUNT,
    "max_depth": NUMBER,
    "files": TEXTS,
}


class StereoJob(Job):
    """Matches pairs; rows have the fields of `vision.structures.stereo.StereoResult.to_dict`, and `path`, the left one.

    Args:
        command: the arguments of `vision batch stereo`.
        options: that rows depend on.

    Raises:
        UsageError: the inputs tell no pairs, or the calibration cannot be read.
    """

    name, noun = "stereo", "pair"
    key = (PATH, "right")
    chunk = 8

    def __init__(self, command: argparse.Namespace, options: Record) -> None:
        self.options = options
        command.inputs = [absolute(argument) for argument in command.inputs]  # pairs are listed in another folder, too
        self._command = command
        pairs, self._remarks = pairs_at(command.inputs, command.side_by_side)
        # Read here: its files need not be on the machines of the workers.
        self._geometry = geometry_of(command, pairs[0].left.path, self._remarks.append)

    @property
    def schema(self) -> pa.Schema:
        """As `Job.schema`."""
        return schema_of((PATH, *result_fields(), *Written().to_dict()), _TYPES)

    @property
    def remarks(self) -> list[str]:
        """As `Job.remarks`."""
        return self._remarks

    @property
    def is_of_this_process(self) -> bool:
        """As `Job.is_of_this_process`."""
        return any(map(is_of_this_process, self._command.inputs))

    def items(self) -> Iterator[Item]:
        """As `Job.items`."""
        for pair in pairs_at(self._command.inputs, self._command.side_by_side)[0]:
            yield Item(pair.key, pair)

    def blank(self, key: tuple[str, ...]) -> Record:
        """As `Job.blank`."""
        return {PATH: key[0], **StereoResult(key[0], key[1]).to_dict(), **Written().to_dict()}

    def load(self) -> Work:
        """As `Job.load`."""
        allow_as_asked(self._command)
        inferencer = inferencer_of(self._command, self._geometry)

        def stream(pairs: Iterator[FilePair]) -> Iterator[StereoResult]:
            return inferencer.stream(inputs_of(self._command, pairs))

        def work(items: Iterable[Item]) -> Iterator[Record]:
            for row in worked(self, items, _places, MAX_BYTES, _pair, stream):
                yield Written().to_dict() | row

        return work


def _places(item: Item) -> Sequence[Place]:
    pair: PairPlaces = item.content
    return [] if pair.error else [place for place in pair[:3] if place is not None]


def _pair(item: Item, paths: Sequence[str]) -> FilePair:
    pair: PairPlaces = item.content
    if pair.error is not None:
        return FilePair(*pair.key, error=pair.error)
    right = paths[0] if pair.right is None else paths[1]
    return FilePair(paths[0], right, None if pair.calib is None else paths[-1], pair.right is None)
