"""Inputs as a source of Ray Data: listed by one task beside the driver, in chunks, only as fast as they are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

from vision.batch.chunks import chunks
from vision.batch.job import Job


class InputSource(Datasource):
    """The inputs of a job that have no row yet.

    Args:
        job: whose inputs.
        folder: of the table.
        number: of this pass: files of earlier ones tell what is done. The list is the same again when the task that
            makes it has to be repeated, since what this pass has written does not count.
        size: most inputs of a chunk.
    """

    def __init__(self, job: Job, folder: Path, number: int, size: int) -> None:
        super().__init__()
        self._arguments = (job, folder, number, size)

    def estimate_inmemory_data_size(self) -> int | None:
        """Nobody knows before the end."""
        return None

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """One task: lists have an order, and folders are fast to list."""
        arguments = self._arguments
        about = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(lambda: chunks(*arguments), about)]
