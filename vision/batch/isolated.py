"""Work on inputs that something died of: one at a time, in a process that may die without taking the others along."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from vision.batch.job import WORKER_DIED, Item, Job, Record, Work, failed_row
from vision.errors import Notice

# Of the process that is made for it.
_work: Work | None = None
_problem: Exception | None = None


def isolated(job: Job) -> Work:
    """The work of a job, whose model is in another process; a new one takes its place when it dies.

    Where the model cannot be loaded once more, the work raises that: it is not the fault of the next input.

    Raises:
        UsageError: the model cannot be loaded.
    """
    pool: ProcessPoolExecutor | None = _loaded(job)

    def work(items: Iterable[Item]) -> Iterator[Record]:
        nonlocal pool
        for item in items:
            pool = pool or _loaded(job)
            try:
                yield pool.submit(_one, item).result()
            except BrokenProcessPool:
                pool.shutdown(wait=False)
                pool = None
                text = f"the process that worked on this {job.noun} died of it, twice; look at it, and at the memory"
                yield failed_row(job, item.key, Notice(text, WORKER_DIED))
            except Exception as error:
                text = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
                yield failed_row(job, item.key, Notice(text, getattr(error, "code", "work-failed")))

    return work


def _loaded(job: Job) -> ProcessPoolExecutor:
    # A copy of this process would have the threads' locks, but not the threads.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, context, _begin, (pickle.dumps(job), os.getpid()))
    try:
        pool.submit(_ready).result()
    except Exception:
        pool.shutdown(wait=False)
        raise
    return pool


def _begin(job: bytes, parent: int) -> None:
    global _work, _problem
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        _work = pickle.loads(job).load()
    except Exception as error:  # one raised here would be taken for a death
        _problem = error


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _ready() -> None:
    if _problem is not None:
        raise _problem


def _one(item: Item) -> Record:
    assert _work is not None
    [row] = _work([item])
    return row
