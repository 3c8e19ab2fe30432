"""Match attention and MatchStereo, as `benchmarks/stereo.py --device cuda` measures them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tools.gpu_check.record import Record
from vision.analysis import match_speed
from vision.ops.common import kernels


def run(record: Record) -> None:
    """What has targets comes first."""
    networks, sizes = match_speed.NETWORKS, match_speed.OPERATORS
    dtypes: tuple[str, ...] = tuple(match_speed.DTYPES)
    if record.quick:
        networks, sizes, dtypes = match_speed.TINY_NETWORKS, match_speed.TINY_OPERATORS, ("fp32",)

    def measure(some: list[match_speed.Network]) -> Iterator[match_speed.MatchTiming]:
        repeat = 1 if record.quick else 10
        return match_speed.measure_networks(record.device, reference_operator, some, repeat, dtypes)

    operators = match_speed.measure_operator(record.device, sizes)
    rows: list[list[str]] = []
    for timing in itertools.chain(measure(networks[:2]), operators, measure(networks[2:])):
        rows.append(timing.row)
        print("  " + " | ".join(timing.row), flush=True)
        record.table("Milliseconds", match_speed.COLUMNS, rows)
        if record.left < 0:
            record.note("the rest was not reached")
            break


@contextmanager
def reference_operator() -> Iterator[None]:
    """The operator by its reference, wherever no backend is named."""
    with mock.patch.object(kernels, "why_not", lambda *_, **__: "measured beside"):
        yield
