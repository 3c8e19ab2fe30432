"""What a row of a benchmark is held against: its useful FLOP at the rate of a large matrix product."""

from __future__ import annotations

from collections.abc import Callable

from vision.analysis.complexity import counted_flop
from vision.analysis.speed import gemm_rate


def bound_ms(run: Callable[[], object]) -> float:
    """Milliseconds of the matrix products, convolutions and attention of a float32 call at the rate of torch's product.

    The rate is measured now, with torch's threads: machines change their pace.
    """
    return counted_flop(run) / gemm_rate() * 1e3
