"""benchmarks/cuda_model.py: what it counts by items is what whole launches do, and what can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cuda_model import CARDS, SOURCE, Card, Case, balance, estimate, resources, tile_bytes
from tools.cuda_plan import Launch, ask, neighborhood_call

Compile = Callable[..., Path]
H100 = {"architecture": "90", "multiprocessors": 132}
# Rows and columns that do not fill their tiles, windows at edges, groups of two lengths, blocks with several items.
CASES = {
    "plain": {"shape": (9, 21), "kernel_size": (3, 5), "dim": 64, "multiprocessors": 1},
    "bias": {"shape": (13, 11), "kernel_size": (5, 5), "dim": 32, "bias": True, "multiprocessors": 2},
    "dilated": {"shape": (15, 14), "kernel_size": (5, 3), "dim": 32, "dilation": 2, "multiprocessors": 3},
    "strided": {"shape": (4, 9, 8), "kernel_size": (3, 5, 4), "dim": 128, "stride": (2, 3, 4), "multiprocessors": 2},
    "line": {"shape": (300,), "kernel_size": (77,), "dim": 64, "multiprocessors": 2},
}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def program(compile_simt: Compile) -> Path:
    return compile_simt(SOURCE)


@pytest.mark.parametrize("backward", [False, True])
def test_counts_are_those_of_whole_launches(program: Path, backward: bool) -> None:
    settings = {"heads": 1, "batch": 2, "architecture": "90", "backward": backward}
    calls = [neighborhood_call(**case, **settings, whole=whole) for case in CASES.values() for whole in (False, True)]
    found = ask(program, calls)
    for name, by_items, whole in zip(CASES, found[::2], found[1::2], strict=True):
        assert [one.kernel for one in by_items] == [one.kernel for one in whole]
        for one, right in zip(by_items, whole, strict=True):
            if "items" not in one.counts:  # only the last block may have less to do than the others
                continue
            assert {key: one.counts[key] for key in right.counts} == right.counts, f"{name}, {one.kernel}"
            assert right.counts["tiles"] == one.counts["column_tiles"] > 0


def test_counts_are_those_of_the_definition(program: Path) -> None:
    """Maps that are one window: each pair of a tile of 64 rows and 64 columns is seen, and needs its products."""
    case = Case("", (8, 8), (8, 8), heads=3, dim=64, batch=50)
    card = Card("", "90", 132, ghz=1, fma=1, mma_share=1, l2_bytes=1, gb_per_s=1)
    for backward in (False, True):
        (launches,) = ask(program, [case.call(card, backward)])
        passes = [one for one in launches if "items" in one.counts]
        assert len(passes) == (2 if backward else 1)
        for one in passes:
            assert one.counts["pairs"] == 3 * 50 * 64 * 64
            assert one.counts["rows"] == one.counts["tile_rows"] * one.counts["items"] == 3 * 50 * 64
            assert one.counts["ldmatrix_wavefronts"] == one.counts["ldmatrix_phases"] > 0
            assert one.counts["cp_async_read"] >= tile_bytes(one, case.dim, backward)
        products = [2, 3, 4][backward : 3 if backward else 1]  # matrix products of the passes
        assert [one.counts["mma"] for one in passes] == [n * 3 * 50 * 64 * 64 * 64 // 2048 for n in products]
        assert estimate(case, card, backward, launches).useful == pytest.approx(5 / 7 if backward else 1)


def test_the_slowest_resource_counts() -> None:
    card = Card("", "90", multiprocessors=2, ghz=1, fma=1024, mma_share=0.5, l2_bytes=64, gb_per_s=1e9)
    nothing = dict.fromkeys(("mma", "ldmatrix_wavefronts", "ldmatrix_phases", "shared_wavefronts", "cp_async"), 0)
    nothing |= dict.fromkeys(("exp2", "global_read", "global_written", "cp_async_read"), 0)
    per_ms = 2e6  # clocks of both multiprocessors
    work = {"mma": 3 * per_ms / 4, "exp2": 16 * per_ms, "ldmatrix_wavefronts": per_ms, "cp_async": 8 * per_ms}
    work |= {"shared_wavefronts": per_ms / 2, "global_read": 64e6, "global_written": 64e6}
    launch = Launch("f", blocks=4, threads=32, shared=0, counts={**nothing, **work, "items": 5})
    expected = {"tensor cores": 3.0, "shared memory": 2.5, "exp2": 1.0, "L2": 2.0}
    assert resources(launch, card) == pytest.approx(expected)
    assert balance(launch) == 8 / 5
    assert [round(card.tflops) for card in CARDS] == [312, 989, 165]  # as the data sheets say


def test_calls_say_what_they_are() -> None:
    name, numbers = neighborhood_call((6, 7), (3, 5), heads=2, dim=8, dilation=2, **H100)
    assert name == "neighborhood" and numbers["type"] == 2 and numbers["block_shared"] == 227 << 10
    assert [numbers[f"length_{axis}"] for axis in "zyx"] == [1, 6, 7]
    assert [numbers[f"dilation_{axis}"] for axis in "zyx"] == [1, 2, 2]
