"""Commits rows: the driver alone writes, and a key that has a row gets no other."""

from __future__ import annotations

import time

import pyarrow as pa

from vision.batch.job import ERROR, Job
from vision.batch.keys import KeySet
from vision.batch.table import Table

_MOST_ROWS, _MOST_BYTES = 20_000, 32 << 20
# A kill costs what was not yet written. Short runs write often; in long ones many small files would be slow to read.
_LEAST_SECONDS, _MOST_SECONDS, _SHARE = 5.0, 300.0, 0.02


class Writer:
    """Gathers rows and writes them as files.

    Args:
        table: to write to.
        job: whose rows they are.

    Attributes:
        rows: written or gathered by this run.
        failed: those of them that have an error.
        twice: rows that came a second time, and were dropped.
    """

    def __init__(self, table: Table, job: Job) -> None:
        self._table, self._key = table, job.key
        self._keys = KeySet()
        self._keys.update(table.keys())
        self._waiting: list[pa.Table] = []
        self._began = self._last = time.monotonic()
        self._number = self._place = 0
        self.rows = self.failed = self.twice = 0

    def has(self, key: tuple[str, ...]) -> bool:
        """Whether a key has a row."""
        return key in self._keys

    def begin_pass(self) -> int:
        """Begin a pass, whose files have a number of their own; what was gathered is written before."""
        self.flush()
        self._number, self._place = self._table.next_pass(), 0
        return self._number

    def add(self, rows: pa.Table) -> int:
        """Take rows.

        Returns:
            How many of them are new.
        """
        keys = zip(*(rows[name].to_pylist() for name in self._key), strict=True)
        new = rows.filter(pa.array([self._keys.add(key) for key in keys], pa.bool_()))
        self.twice += rows.num_rows - new.num_rows
        if new.num_rows:
            self._waiting.append(new)
            self.rows += new.num_rows
            self.failed += new.num_rows - new[ERROR].null_count
        if self._is_due():
            self.flush()
        return int(new.num_rows)

    def flush(self) -> None:
        """Write what was gathered.

        Raises:
            OSError: the disk is full, or broken; what was written before stands.
        """
        self._last = time.monotonic()
        if not self._waiting:
            return
        self._table.write(pa.concat_tables(self._waiting), self._number, self._place)
        self._place += 1
        self._waiting = []

    def tick(self) -> None:
        """Write what has waited long enough, though nothing new comes."""
        if self._waiting and self._is_due():
            self.flush()

    def _is_due(self) -> bool:
        now = time.monotonic()
        patience = min(_MOST_SECONDS, max(_LEAST_SECONDS, _SHARE * (now - self._began)))
        return (
            now - self._last >= patience
            or sum(rows.num_rows for rows in self._waiting) >= _MOST_ROWS
            or sum(rows.nbytes for rows in self._waiting) >= _MOST_BYTES
        )
