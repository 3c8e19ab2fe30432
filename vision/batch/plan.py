"""What the driver asks the process that speaks to Ray for: one pass over the inputs that have no row yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa


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


@dataclass(frozen=True)
class Pass:
    """One pass over the inputs that have no row yet.

    Attributes:
        number: of the pass; files of earlier ones tell what is done.
        size: most inputs of a chunk.
        careful: whether each input is worked on in a process that may die of it.
        workers: how many, and what each holds.
        chunks: of inputs that are in the memory of another process, as `vision.batch.chunks.chunks`; None has them
            listed here.
    """

    number: int
    size: int
    careful: bool
    workers: Workers
    chunks: Sequence[pa.Table] | None = None
