"""Batches of which each input is one file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from vision.batch.job import Item, Job, Record
from vision.cli.batch.inputs import Inputs
from vision.cli.paths import PathFinder


class FilesJob(Job):
    """Finds the files that the arguments name; subclasses say what is done with them.

    Args:
        command: the arguments of the command, with `inputs`.
        options: that rows depend on.
        suffixes: endings of names that count in folders.
    """

    def __init__(self, command: argparse.Namespace, options: Record, suffixes: Sequence[str]) -> None:
        self.options = options
        self._command = command
        self._inputs = Inputs(command.inputs, suffixes)
        self._remarks: list[str] = []

    @property
    def remarks(self) -> list[str]:
        """As `Job.remarks`."""
        return self._remarks

    @property
    def is_of_this_process(self) -> bool:
        """As `Job.is_of_this_process`."""
        return self._inputs.is_of_this_process

    def items(self) -> Iterator[Item]:
        """As `Job.items`."""
        finder = self.finder()
        for place in self._inputs.places(finder):
            yield Item((place.name,), place)
        self._remarks = finder.remarks()

    def finder(self) -> PathFinder:
        """What looks for files in folders and patterns."""
        raise NotImplementedError
