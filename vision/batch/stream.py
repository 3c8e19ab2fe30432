"""Ray Data, from inputs to rows: the plan, and what comes of it. Runs in the process of `vision.batch.ray_side`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
import ray.data

from vision.batch.job import Job
from vision.batch.plan import Pass
from vision.batch.source import InputSource
from vision.batch.worker import Worker
from vision.errors import UsageError

_IN_FLIGHT = 2  # chunks of a worker: one in work, one at hand


def results(job: Job, folder: Path, part: Pass, node: Any) -> Iterator[dict[str, Any]]:
    """What workers make of chunks: rows of `vision.batch.chunks.SOURCE_SCHEMA`. Those whose worker died are missing.

    Args:
        job: whose inputs.
        folder: of the table.
        part: which of them, and how.
        node: strategy that puts a task where the folder is.

    Raises:
        UsageError: the cluster gave up.
    """
    with _context():
        try:
            for bundle in _planned(job, folder, part, node).iter_internal_ref_bundles():
                for block in bundle.block_refs:
                    # What was on a node that died is missing, as is what its workers had.
                    with suppress(ray.exceptions.RayError):
                        yield from ray.get(block).to_pylist()
                bundle.destroy_if_owned()
        except ray.exceptions.RayError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise UsageError(
                f"the cluster gave up: {lines[-1][:300] if lines else type(error).__name__}; the same command goes on",
                code="batch-unfinished",
            ) from None


def _planned(job: Job, folder: Path, part: Pass, node: Any) -> ray.data.Dataset:
    if part.chunks is not None:
        source = ray.data.from_arrow(list(part.chunks))
    else:
        source = ray.data.read_datasource(
            InputSource(job, folder, part.number, part.size),
            override_num_blocks=1,
            ray_remote_args={"num_cpus": 0, "scheduling_strategy": node, "max_retries": -1},
        )
    return source.map_batches(
        Worker,
        fn_constructor_args=(job, part.careful, part.workers.cpus),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=part.workers.count, max_tasks_in_flight_per_actor=_IN_FLIGHT),
        num_cpus=part.workers.cpus,
        num_gpus=part.workers.gpus,
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
