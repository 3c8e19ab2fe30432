"""Windows that are long along one axis, beside the same sums laid out otherwise, on the CPU.

    python benchmarks/window_axes.py [--threads 1] [--repeat 20] [--json FILE]

Each line is one amount of work: a window along the last axis, then along another. Times are median milliseconds of a
call in float32 with heads of 32 channels, over rounds in which both take their turn; the ratio is the second over the
first.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable

import torch
from torch import Tensor

import vision
from benchmarks.bounds import bound_ms
from benchmarks.results import Results, add_json
from vision.analysis.speed import keep_freed_memory, medians
from vision.ops import na1d, na2d, na3d

HEADS, DIM = 2, 32
# Name, batch, spatial shape and window of each side.
PAIRS = (
    ("1-D window in 2-D", (1, (1, 1024), (1, 49)), (1, (1024, 1), (49, 1))),
    ("thin window in 2-D", (1, (56, 56), (3, 13)), (1, (56, 56), (13, 3))),
    ("temporal window", (56 * 56, (16,), (7,)), (1, (16, 56, 56), (7, 1, 1))),
    ("slab in 3-D", (1, (16, 28, 28), (1, 7, 7)), (1, (16, 28, 28), (7, 7, 1))),
)
ATTENTION = {1: na1d, 2: na2d, 3: na3d}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=20)
    add_json(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kept = "yes" if keep_freed_memory() else "no"
    print(
        f"vision {vision.__version__}, torch {torch.__version__}, {platform.processor() or platform.machine()}, ",
        end="",
    )
    print(f"{args.threads} threads; malloc keeps freed memory: {kept}\n")
    print(f"{'window':<20}{'':<12}{'last axis':>10}{'another':>10}{'ratio':>8}")
    results = Results()
    for name, *sides in PAIRS:
        for backward in (False, True):
            steps = [step(*side, backward=backward) for side in sides]
            first, second = medians(steps, args.repeat)
            part = "backward" if backward else "forward"
            print(f"{name:<20}{part:<12}{first:>10.2f}{second:>10.2f}{second / first:>8.2f}")
            row = {"the same along the last axis": first}
            results.add("windows along another axis", f"{name}, {part}", second, row, bound=bound_ms(steps[1]))
    results.write(args.json)


def step(batch: int, shape: tuple[int, ...], window: tuple[int, ...], *, backward: bool) -> Callable[[], object]:
    """One call, or its backward pass alone."""
    query, key, value = (torch.randn(batch, *shape, HEADS, DIM, requires_grad=backward) for _ in range(3))
    attention = ATTENTION[len(shape)]
    if not backward:
        return lambda: attention(query, key, value, window)
    out: Tensor = attention(query, key, value, window)
    upstream = torch.ones_like(out)
    return lambda: torch.autograd.grad(out, (query, key, value), upstream, retain_graph=True)


if __name__ == "__main__":
    main()
