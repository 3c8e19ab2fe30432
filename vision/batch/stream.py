"""Ray Data, from inputs to rows: the plan, and a thread that takes results off it."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data

from vision.batch.cluster import Cluster
from vision.batch.job import Job
from vision.batch.source import InputSource, chunks
from vision.batch.worker import Worker
from vision.errors import UsageError

_AHEAD = 64  # results that wait for the driver
_LOOK_SECONDS = 0.5
_IN_FLIGHT = 2  # chunks of a worker: one in work, one at hand


@dataclass(frozen=True)
class Workers:
    """What the work runs on.

    Attributes:
        count: of workers.
        cpus, gpus: that each of them holds.
    """

    count: int
    cpus: float = 1
    gpus: float = 0


@contextmanager
def results(
    job: Job, folder: Path, number: int, size: int, cluster: Cluster, workers: Workers, careful: bool
) -> Iterator[Iterator[pa.Table | None]]:
    """What workers make of the inputs that have no row yet: an iterator over rows of `SOURCE_SCHEMA`.

    It yields None where nothing came for a while. A chunk whose worker died is missing.

    Args:
        job, folder, number, size: as of `InputSource`.
        cluster: that is connected.
        workers: how many, and what each holds.
        careful: as of `Worker`.
    """
    with _context():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray gives arguments other names from time to time
            dataset = _planned(job, folder, number, size, cluster, workers, careful)
        waiting: queue.Queue[Any] = queue.Queue(_AHEAD)
        stop = threading.Event()
        thread = threading.Thread(target=_take, args=(dataset, waiting, stop), name="batch-results", daemon=True)
        thread.start()
        try:
            yield _taken(waiting, cluster)
        finally:
            stop.set()
            thread.join(0.0 if cluster.is_gone else 5.0)


def _planned(
    job: Job, folder: Path, number: int, size: int, cluster: Cluster, workers: Workers, careful: bool
) -> ray.data.Dataset:
    if job.is_of_this_process:
        source = ray.data.from_arrow(list(chunks(job, folder, number, size)))
    else:
        source = ray.data.read_datasource(
            InputSource(job, folder, number, size),
            override_num_blocks=1,
            ray_remote_args={"num_cpus": 0, "scheduling_strategy": cluster.node(), "max_retries": -1},
        )
    return source.map_batches(
        Worker,
        fn_constructor_args=(job, careful),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers.count, max_tasks_in_flight_per_actor=_IN_FLIGHT),
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
        # A worker that died is replaced, its chunk is not tried again at once: what it died of may be in it, and a
        # worker whose node is gone may wait forever for another one.
        max_restarts=-1,
        max_task_retries=0,
    )


@contextmanager
def _context() -> Iterator[None]:
    """Settings of Ray Data that hold for this run: a block per chunk, so that lists and results stream."""
    context = ray.data.DataContext.get_current()
    wanted = {"target_max_block_size": 1, "enable_progress_bars": False, "max_errored_blocks": -1}
    before = {name: getattr(context, name) for name in wanted}
    for name, value in wanted.items():
        setattr(context, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def _take(dataset: ray.data.Dataset, waiting: queue.Queue[Any], stop: threading.Event) -> None:
    """Put results, and at the end an error or None in a tuple, into a queue that has bounds."""
    end: tuple[BaseException | None] = (None,)
    try:
        for bundle in dataset.iter_internal_ref_bundles():
            for block in bundle.block_refs:
                # What was on a node that died is missing, as is what its workers had.
                with suppress(ray.exceptions.RayError):
                    _put(waiting, ray.get(block), stop)
            bundle.destroy_if_owned()
            if stop.is_set():
                return
    except BaseException as error:
        end = (error,)
    _put(waiting, end, stop)


def _put(waiting: queue.Queue[Any], value: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(queue.Full):
            waiting.put(value, timeout=_LOOK_SECONDS)
            return


def _taken(waiting: queue.Queue[Any], cluster: Cluster) -> Iterator[pa.Table | None]:
    idle = 0.0
    while True:
        try:
            value = waiting.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            idle += _LOOK_SECONDS
            if idle % 5 == 0:
                cluster.check()
            yield None
            continue
        idle = 0.0
        if isinstance(value, tuple):
            [error] = value
            if error is not None:
                cluster.check()
                raise _failure(error)
            return
        yield value


def _failure(error: BaseException) -> BaseException:
    """What ended Ray Data's work, in a line."""
    if not isinstance(error, (ray.exceptions.RayError, ray.data.exceptions.RayDataUserCodeException)):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"the cluster gave up the work: {lines[-1][:300] if lines else type(error).__name__}"
    return UsageError(f"{text}; the same command does the rest", code="batch-unfinished")
