"""A batch whose inputs are numbers with which nothing is done: what is left is the cost of the batch itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from vision.batch.job import ERROR, ERROR_CODE, PATH, Item, Job, Record, Work


class Nothing(Job):
    """A row per number."""

    name, noun = "nothing", "number"

    def __init__(self, count: int) -> None:
        self.count, self.options = count, {}

    @property
    def schema(self) -> pa.Schema:
        """As `Job.schema`."""
        return pa.schema([(name, pa.string()) for name in (PATH, ERROR, ERROR_CODE)])

    def items(self) -> Iterator[Item]:
        """As `Job.items`."""
        for number in range(self.count):
            yield Item((f"/a/folder/with/a/name/{number:09}.jpg",), number)

    def blank(self, key: tuple[str, ...]) -> Record:
        """As `Job.blank`."""
        return {PATH: key[0]}

    def load(self) -> Work:
        """As `Job.load`."""

        def work(items: Iterable[Item]) -> Iterator[Record]:
            return ({PATH: item.key[0], ERROR: None, ERROR_CODE: None} for item in items)

        return work
