"""How fast the CUDA kernels of neighborhood attention can be: a model, without a GPU. Nothing here is measured.

    python benchmarks/cuda_model.py [--quick]

The emulator counts what the kernels of a call do (benchmarks/cuda_model.cpp), exactly; a card's data sheet says how
fast it can do each of these things. The slowest of them is the model's time: a bound that a kernel comes near to if
all the others hide behind it. Resources, per multiprocessor and clock: products of tensor cores; shared memory, 128
bytes; exp2, 16; and for the card, bytes between L2 and multiprocessors, and bytes of memory (each tensor once).
"Balance" is how much longer the busiest block works than the average. The physical bound is that of any kernel: useful
products at the card's dense rate, each tensor once at its bandwidth.

Useful FLOP: forward 4 pairs dim, backward 10 pairs dim, where pairs are queries and keys in their windows.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.cuda_plan import Launch, ask, build, neighborhood_call

SOURCE = Path(__file__).with_suffix(".cpp")


@dataclass(frozen=True)
class Card:
    """Rates of one card, from NVIDIA's data sheets and white papers; `fma` are dense bf16 products with fp32 sums.

    Attributes:
        fma: multiply-adds per multiprocessor and clock.
        mma_share: of them that mma.sync reaches, by published microbenchmarks; on Hopper only wgmma reaches them all.
        l2_bytes: per clock, of the whole card.
    """

    name: str
    architecture: str
    multiprocessors: int
    ghz: float
    fma: int
    mma_share: float
    l2_bytes: int
    gb_per_s: float

    @property
    def tflops(self) -> float:
        """Dense bf16 peak."""
        return 2e-3 * self.multiprocessors * self.fma * self.ghz


CARDS = [
    Card("A100", "80", 108, 1.41, 1024, 1.0, 5120, 1555),
    Card("H100 SXM", "90", 132, 1.83, 2048, 0.62, 5120, 3350),
    Card("RTX 4090", "89", 128, 2.52, 256, 1.0, 2048, 1008),
]


@dataclass(frozen=True)
class Case:
    """One call, of self attention in bf16."""

    name: str
    shape: tuple[int, ...]
    kernel_size: tuple[int, ...]
    heads: int
    dim: int
    batch: int = 1
    stride: tuple[int, ...] | None = None
    dilation: int = 1
    bias: bool = False

    def call(self, card: Card, backward: bool) -> tuple[str, Mapping[str, int]]:
        """As tools/cuda_plan.py wants it."""
        return neighborhood_call(
            self.shape,
            self.kernel_size,
            heads=self.heads,
            dim=self.dim,
            architecture=card.architecture,
            multiprocessors=card.multiprocessors,
            batch=self.batch,
            stride=self.stride,
            dilation=self.dilation,
            bias=self.bias,
            backward=backward,
        )

    def flop(self, backward: bool) -> float:
        """Useful ones."""
        pairs = self.batch * self.heads * math.prod(self.shape) * math.prod(self.kernel_size)
        return (10.0 if backward else 4.0) * pairs * self.dim

    def least_bytes(self, backward: bool) -> float:
        """Each tensor once: query, key, value and out; backward, all of them, the gradient of out, three gradients."""
        tokens = self.batch * self.heads * math.prod(self.shape)
        return tokens * (2.0 * self.dim * (8 if backward else 4) + 4)


DINAT = [
    Case(f"DiNAT-T stage {i + 1}, dilation {dilation}", (side, side), (7, 7), 2 << i, 32, 64, None, dilation, True)
    for i, (side, dilations) in enumerate([(56, (1, 8)), (28, (1, 4)), (14, (1, 2)), (7, (1,))])
    for dilation in dilations
]
FNA = [
    Case("1-D 8192, window 255", (8192,), (255,), 16, 64, 1),
    Case("1-D 8192, window 1023", (8192,), (1023,), 16, 128, 1),
    Case("2-D 64², window 13²", (64, 64), (13, 13), 16, 64, 2),
    Case("2-D 128², window 33²", (128, 128), (33, 33), 16, 128, 1),
    Case("3-D 16 x 32², window 7³", (16, 32, 32), (7, 7, 7), 16, 64, 1),
]
GNA = [
    Case("GNA 256², window 80²", (256, 256), (80, 80), 24, 128, 1),
    Case("GNA 256², window 80², stride 16²", (256, 256), (80, 80), 24, 128, 1, (16, 16)),
    Case("GNA 30 x 48 x 80, window 18 x 24 x 24", (30, 48, 80), (18, 24, 24), 24, 128, 1),
    Case(
        "GNA 30 x 48 x 80, window 18 x 24 x 24, stride 16 x 8 x 8", (30, 48, 80), (18, 24, 24), 24, 128, 1, (16, 8, 8)
    ),
]


@dataclass(frozen=True)
class Estimate:
    """Of one call on one card; times in milliseconds, of all its kernels."""

    ms: float
    bound_by: str  # what of the kernel that takes longest
    balance: float  # of that kernel
    bound_ms: float  # physical
    useful: float  # share of the products that a pair of a query and its key needs
    peak: float  # share of the card's dense rate, in useful FLOP
    traffic: float  # bytes copied to shared memory over the least that the tiles need
    conflicts: float  # turns of ldmatrix at the banks over the least


def resources(launch: Launch, card: Card) -> dict[str, float]:
    """Milliseconds that a kernel takes if nothing but this holds it up."""
    count = launch.counts
    clocks = card.multiprocessors * card.ghz * 1e6  # of all multiprocessors in a millisecond
    copied = 16 * count["cp_async"]
    return {
        "tensor cores": 2048 * count["mma"] / (card.fma * card.mma_share) / clocks,
        "shared memory": (count["ldmatrix_wavefronts"] + count["shared_wavefronts"] + copied / 128) / clocks,
        "exp2": count["exp2"] / 16 / clocks,
        "L2": (count["global_read"] + count["global_written"]) / (card.l2_bytes * card.ghz * 1e6),
    }


def balance(launch: Launch) -> float:
    """Items of the busiest block over those of the average."""
    items = launch.counts.get("items", launch.blocks)
    return math.ceil(items / launch.blocks) * launch.blocks / items


def estimate(case: Case, card: Card, backward: bool, launches: Sequence[Launch]) -> Estimate:
    """From what the emulator counted of each kernel of a call."""
    times = [(max(resources(one, card).values()) * balance(one), one) for one in launches]
    _, longest = max(times, key=lambda pair: pair[0])
    limits = resources(longest, card)
    memory_ms = case.least_bytes(backward) / card.gb_per_s / 1e6
    ms = max(sum(time for time, _ in times), memory_ms)
    passes = [one for one in launches if "items" in one.counts]
    copied = sum(one.counts["cp_async_read"] for one in passes)
    needed = sum(tile_bytes(one, case.dim, backward) for one in passes)
    phases = sum(one.counts["ldmatrix_phases"] for one in passes)
    flop = case.flop(backward)
    return Estimate(
        ms=ms,
        bound_by="memory" if ms == memory_ms else max(limits, key=limits.__getitem__),
        balance=balance(longest),
        bound_ms=max(flop / card.tflops / 1e9, memory_ms),
        useful=flop / (4096 * sum(one.counts["mma"] for one in launches)),
        peak=flop / (ms * 1e9) / card.tflops,
        traffic=copied / needed,
        conflicts=sum(one.counts["ldmatrix_wavefronts"] for one in passes) / phases,
    )


def tile_bytes(launch: Launch, dim: int, backward: bool) -> float:
    """What the tiles of a pass need: the data of each row tile once, and of the columns of its windows once."""
    rows, columns = launch.counts["rows"], launch.counts["columns"]
    return 2.0 * dim * ((2 if backward else 1) * rows + 2 * columns)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="no GNA shapes: their windows take minutes to count")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), SOURCE, ["-O1", "-fsanitize=thread"])  # hooks: plain accesses count, too
        for backward in (False, True):
            print(f"\n## {'Backward' if backward else 'Forward'}, bf16: a model, nothing is measured\n")
            print_header()
            for case in [*DINAT, *FNA, *([] if args.quick else GNA)]:
                counted = ask(program, [case.call(card, backward) for card in CARDS])
                estimates = [estimate(case, card, backward, found) for card, found in zip(CARDS, counted, strict=True)]
                print_row(case, estimates)


def print_header() -> None:
    """Two lines."""
    cards = [f"{card.name}: ms, bound by, % of peak, x physical bound" for card in CARDS]
    print(f"| call | useful % | traffic | conflicts | balance | {' | '.join(cards)} |")
    print(f"|---|---:|---:|---:|---:|{'---|' * len(cards)}")


def print_row(case: Case, estimates: Sequence[Estimate]) -> None:
    """Shares that hardly depend on the card are those of the first one."""
    first = estimates[0]
    shares = f"{100 * first.useful:.0f} | {first.traffic:.2f} | {first.conflicts:.2f} | {first.balance:.2f}"
    cells = [f"{e.ms:.3f}, {e.bound_by}, {100 * e.peak:.0f} %, {e.ms / e.bound_ms:.1f} x" for e in estimates]
    print(f"| {case.name}, dim {case.dim} | {shares} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
