"""Runs a batch: passes over the inputs that have no row, until each has exactly one."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vision.batch.job import Job
from vision.errors import UsageError

if TYPE_CHECKING:
    from vision.batch.link import Link
    from vision.batch.plan import Workers
    from vision.batch.writer import Writer

# A pass in which workers died is followed by another one, in which each input is worked on alone.
_FRUITLESS = 3
_LOOKED_AT, _MANY = 10_000, 256
_BROKEN_IN_A_ROW = 16


@dataclass(frozen=True)
class Settings:
    """How a batch runs; none of it changes a row.

    Attributes:
        address: of a cluster to join; None starts one on this machine.
        workers: processes that hold the model; None takes as many as the cluster has room for.
        cpus, gpus: that each holds; None takes 1 CPU, and 1 GPU if the cluster has some.
        chunk: inputs that a worker takes at a time; None is what suits the job.
        retry_errors: whether inputs whose row has an error are done again.
    """

    address: str | None = None
    workers: int | None = None
    cpus: float | None = None
    gpus: float | None = None
    chunk: int | None = None
    retry_errors: bool = False


@dataclass
class Outcome:
    """What became of a batch.

    Attributes:
        earlier: rows that earlier runs wrote.
        done: rows that this one wrote.
        failed: rows of all runs that have an error.
        again: chunks that had to be worked on again, as their workers died or met an error.
        remarks: what was not taken, and why.
    """

    earlier: int = 0
    done: int = 0
    failed: int = 0
    again: int = 0
    remarks: list[str] = field(default_factory=list)


def run_batch(
    job: Job, folder: Path, settings: Settings, on_rows: Callable[[Outcome], None] = lambda outcome: None
) -> Outcome:
    """Give each input of a job a row in a folder of Parquet files.

    Inputs that have one are left out, so that a run that was ended goes on where it was.

    Args:
        job: the task, its inputs and options.
        folder: of the table; made if missing.
        settings: where it runs.
        on_rows: is told what there is, often.

    Raises:
        UsageError: the folder, the inputs or the cluster cannot be used, or the cluster went away. Rows that were
            made until then are written.
        OSError: rows cannot be written.
    """
    from vision.batch.packages import check_packages

    check_packages()
    from vision.batch.link import linked
    from vision.batch.state import held
    from vision.batch.table import Table
    from vision.batch.writer import Writer

    next(job.items(), None)  # what cannot be listed is told at once
    with held(folder, job) as state:
        table = Table(folder, job)
        table.begin()
        if settings.retry_errors:
            table.drop_failed(item.key for item in job.items())
        outcome = Outcome()
        outcome.earlier, outcome.failed = table.counts()
        writer = Writer(table, job)
        left = _left(job, writer)
        if not left:
            outcome.remarks = job.remarks
            return outcome
        with linked(job, folder, state, settings.address) as link:
            workers = _workers(settings, link, left)
            run = _Run(job, folder, settings, link, workers, writer, outcome, on_rows)
            try:
                run.go()
            finally:
                writer.flush()
        return outcome


def _left(job: Job, writer: Writer) -> float:
    """How many inputs have no row; infinity for a list that is long. Where there are none, no cluster is needed."""
    left = 0
    for place, item in enumerate(job.items()):
        if place == _LOOKED_AT or left == _MANY:
            return math.inf
        left += not writer.has(item.key)
    return left


class _Run:
    """The passes of one run, in a cluster."""

    def __init__(
        self,
        job: Job,
        folder: Path,
        settings: Settings,
        link: Link,
        workers: Workers,
        writer: Writer,
        outcome: Outcome,
        on_rows: Callable[[Outcome], None],
    ) -> None:
        self._job, self._folder, self._link, self._workers = job, folder, link, workers
        self._size = settings.chunk or job.chunk
        self._writer, self._outcome, self._on_rows = writer, outcome, on_rows
        self._failed_before = outcome.failed
        self._broken = 0

    def go(self) -> None:
        """Passes until one leaves nothing out."""
        fruitless = 0
        careful = False
        while not self._pass(careful):
            fruitless = 0 if self._outcome.done > self._done_before else fruitless + careful
            if fruitless >= _FRUITLESS:
                raise UsageError(
                    f"{fruitless} tries brought no row for the inputs that are left, as their workers ended each time; "
                    "expected workers with enough memory, on machines that stay. The same command does the rest",
                    code="batch-unfinished",
                    value=fruitless,
                )
            careful = True

    def _pass(self, careful: bool) -> bool:
        """One pass.

        Returns:
            Whether each input has a row.
        """
        from vision.batch.chunks import chunks
        from vision.batch.plan import Pass

        self._done_before, self._broken = self._outcome.done, 0
        number, size = self._writer.begin_pass(), 1 if careful else self._size
        mine = list(chunks(self._job, self._folder, number, size)) if self._job.is_of_this_process else None
        came: set[int] = set()
        listings: set[str] = set()
        count: int | None = None
        for row in self._link.results(Pass(number, size, careful, self._workers, mine)):
            if row is None:
                self._writer.tick()
            else:
                listings.add(row["listing"])
                if row["kind"] == "end":
                    count, self._outcome.remarks = row["number"], pickle.loads(row["content"])
                elif self._takes(row):
                    came.add(row["number"])
            self._on_rows(self._outcome)
        self._writer.flush()
        is_whole = count is not None and len(came) == count and len(listings) == 1
        if not is_whole:
            self._outcome.again += max(1, (count or 0) - len(came))
        return is_whole

    def _takes(self, row: dict) -> bool:
        """Take what a worker made of a chunk.

        Returns:
            Whether it made rows.

        Raises:
            UsageError: it never will.
        """
        from vision.batch.worker import BROKEN, ROWS, rows_of

        content = row["content"]
        if row["kind"] == ROWS:
            self._outcome.done += self._writer.add(rows_of(content))
            self._outcome.failed = self._failed_before + self._writer.failed
            self._broken = 0
            return True
        if row["kind"] == BROKEN:
            self._broken += 1
            if self._broken < _BROKEN_IN_A_ROW:
                return False
            raise UsageError(
                f"{self._broken} chunks in a row failed, the last one by {pickle.loads(content)}",
                code="work-failed",
            )
        text, code, value = pickle.loads(content)
        raise UsageError(text, code=code, value=value)


def _workers(settings: Settings, cluster: Link, left: float) -> Workers:
    """As many workers as there is room for, unless it was said how many, and none that would have no input."""
    from vision.batch.plan import Workers

    gpus = (1.0 if cluster.gpus >= 1 else 0.0) if settings.gpus is None else settings.gpus
    cpus = 1.0 if settings.cpus is None else settings.cpus
    room = math.floor(cluster.cpus / cpus) if cpus else math.inf
    room = min(room, math.floor(cluster.gpus / gpus)) if gpus else room
    if room < 1:
        raise UsageError(
            f"a worker needs {cpus:g} CPUs and {gpus:g} GPUs, and the cluster has {cluster.cpus:g} and "
            f"{cluster.gpus:g}; expected a cluster with room for one, or less for each worker",
            code="out-of-range",
            value=(cpus, gpus),
        )
    count = settings.workers or (room if room < math.inf else 1)
    if count > room:
        raise UsageError(
            f"{count} workers need {count * cpus:g} CPUs and {count * gpus:g} GPUs, and the cluster has "
            f"{cluster.cpus:g} and {cluster.gpus:g}; expected at most {room:g} of them",
            code="out-of-range",
            value=count,
        )
    return Workers(int(min(count, left)), cpus, gpus)
