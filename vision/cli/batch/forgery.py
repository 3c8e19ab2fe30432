"""Batches of images that are judged: real or AI-generated."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from vision.batch.job import Item, Record, Work
from vision.batch.places import Place
from vision.cli.batch.fields import COUNT, FLAG, NUMBER, TEXTS, allow_as_asked, schema_of, worked
from vision.cli.batch.files import FilesJob
from vision.cli.paths import PathFinder
from vision.drawn import is_drawn
from vision.images import IMAGE_SUFFIXES
from vision.images.jpeg import MAX_BYTES
from vision.structures.forgery import ForgeryResult, result_fields

_NUMBERS = ("probability", "logit", "watermark_fpr", "scale", "probability_min", "probability_max")
_COUNTS = ("crops", "watermark_bits", "watermark_matched", "width", "height", "frames", "jpeg_quality")
_TYPES = {
    **dict.fromkeys(_NUMBERS, NUMBER),
    **dict.fromkeys(_COUNTS, COUNT),
    **dict.fromkeys(("conflict", "prompt_present", "stable"), FLAG),
    **dict.fromkeys(("actions", "ingredients", "notes"), TEXTS),
}


class ForgeryJob(FilesJob):
    """Judges images; rows have the fields of `vision.structures.forgery.ForgeryResult.to_dict`.

    Args:
        command: the arguments of `vision batch forgery`.
        options: that rows depend on.
    """

    name, noun = "forgery", "image"

    def __init__(self, command: argparse.Namespace, options: Record) -> None:
        super().__init__(command, options, sorted(IMAGE_SUFFIXES))

    @property
    def schema(self) -> pa.Schema:
        """As `Job.schema`."""
        return schema_of(result_fields(), _TYPES)

    def finder(self) -> PathFinder:
        """As `FilesJob.finder`."""
        return PathFinder(IMAGE_SUFFIXES, is_drawn)

    def blank(self, key: tuple[str, ...]) -> Record:
        """As `Job.blank`."""
        return ForgeryResult(key[0]).to_dict()

    def load(self) -> Work:
        """As `Job.load`."""
        allow_as_asked(self._command)
        from vision.cli.forgery.work import inferencer_of

        inferencer = inferencer_of(self._command)

        def work(items: Iterable[Item]) -> Iterator[Record]:
            return worked(self, items, _places, MAX_BYTES, _path, inferencer.stream)

        return work


def _places(item: Item) -> Sequence[Place]:
    return [item.content]


def _path(item: Item, paths: Sequence[str]) -> str:
    return paths[0]
