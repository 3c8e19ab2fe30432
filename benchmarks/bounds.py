"""What no program can be faster than: useful FLOP at the rate of a large matrix product."""

from __future__ import annotations

from collections.abc import Callable

from vision.analysis.complexity import counted_flop
from vision.analysis.speed import gemm_rate


def bound_ms(run: Callable[[], object]) -> float:
    """Milliseconds that the matrix products, convolutions and attention of a float32 call take at the least.

    The rate is measured now, with torch's threads: machines change their pace.
    """
    return counted_flop(run) / gemm_rate() * 1e3
