"""A batch without a model: files hold numbers, which are squared; some of them end whoever reads them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from vision.batch.job import ERROR, ERROR_CODE, PATH, Item, Job, Record, Work
from vision.errors import UsageError

SCHEMA = pa.schema([(PATH, pa.string()), ("square", pa.int64()), (ERROR, pa.string()), (ERROR_CODE, pa.string())])


class Squares(Job):
    """Squares the numbers in the files of a folder."""

    name, noun = "squares", "file"

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.options = folder, options

    @property
    def schema(self) -> pa.Schema:
        return SCHEMA

    def items(self) -> Iterator[Item]:
        if not self.folder.is_dir():
            raise UsageError(f"no folder {self.folder}", code="unreadable-address", value=str(self.folder))
        for path in sorted(self.folder.iterdir()):
            yield Item((str(path),), path)

    def blank(self, key: tuple[str, ...]) -> Record:
        return {PATH: key[0], "square": None}

    def load(self) -> Work:
        if self.options.get("no_model"):
            raise UsageError("no weights", code="no-weights")
        if once := self.options.get("loads_once"):
            Path(once).touch(exist_ok=False)
        if self.options.get("threads"):
            return _count_threads

        def work(items: Iterable[Item]) -> Iterator[Record]:
            for item in items:
                yield _row(item)

        return work


def _row(item: Item) -> Record:
    text = item.content.read_text()
    if text == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "raises":
        raise RuntimeError("met a bug")
    is_bad = not text.isdigit()
    problem = {ERROR: "no number", ERROR_CODE: "bad-values"} if is_bad else {ERROR: None, ERROR_CODE: None}
    return {PATH: item.key[0], "square": None if is_bad else int(text) ** 2, **problem}


def _count_threads(items: Iterable[Item]) -> Iterator[Record]:
    """Threads of torch in place of the square."""
    import torch

    for item in items:
        yield {PATH: item.key[0], "square": torch.get_num_threads(), ERROR: None, ERROR_CODE: None}
