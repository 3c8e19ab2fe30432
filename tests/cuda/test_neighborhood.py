"""Neighborhood attention's CUDA kernels run by the emulator, against the reference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from emulation import HERE, Compile, sanitizers
from neighborhood_cases import CASES, DTYPES, load, make_case, make_cases, run, what_is_wrong

SOURCE = HERE / "neighborhood.cpp"
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_those_of_the_reference(compile_simt: Compile, tmp_path: Path, dtype: str) -> None:
    cases = make_cases(CASES, dtype)
    wrong = what_is_wrong(run(compile_simt(SOURCE, library=True), cases, tmp_path), cases)
    assert not wrong, "\n".join(wrong)


# Each kernel's ways through the code, with little else: for what takes longer.
FEW = ("a line, far", "a map in groups", "a volume of everything", "a map of many tiles", "one head of keys")


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_order_of_lanes_and_blocks_changes_a_bit(compile_simt: Compile, tmp_path: Path, dtype: str) -> None:
    library = compile_simt(SOURCE, library=True)
    cases = make_cases(FEW, dtype)
    first = run(library, cases, tmp_path)
    for order in ("reverse", "random:0", "random:1", "random:2"):
        for one, other in zip(first, run(library, cases, tmp_path, order), strict=True):
            assert isinstance(one, dict) and isinstance(other, dict), (one, other)
            assert all(one[name].tobytes() == other[name].tobytes() for name in one["tensors"]), order


def test_no_races(compile_simt: Compile, tmp_path: Path) -> None:
    library = compile_simt(SOURCE, mode="hooks", library=True)
    cases = [case for dtype in DTYPES for case in make_cases(FEW, dtype)]
    wrong = what_is_wrong(run(library, cases, tmp_path), cases)
    assert not wrong, "\n".join(wrong)


def test_sanitizers_have_nothing_to_say(compile_simt: Compile, tmp_path: Path) -> None:
    library = compile_simt(SOURCE, mode="sanitized", library=True)
    cases = [case for dtype in DTYPES for case in make_cases(CASES, dtype)]
    wrong = what_is_wrong(run(library, cases, tmp_path, order="random:0", preload=sanitizers()), cases)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_no_number_stays_near(compile_simt: Compile, tmp_path: Path, dtype: str) -> None:
    """Tiles may spread it: queries that are more than 64 tokens from its window are none of theirs."""
    case = make_case(size=(300,), kernel=(3,), dim=8, dtype=dtype)
    case["key"][0, 0] = case["value"][0, 0] = np.nan if dtype != "bfloat16" else 0x7FC0
    (results,) = run(compile_simt(SOURCE, library=True), [case], tmp_path)
    assert isinstance(results, dict), results
    seen = {name: not_numbers(results[name]) for name in results["tensors"]}
    assert all(rows[:2].all() for name, rows in seen.items() if name != "grad_value"), seen
    assert not any(rows[131:].any() for rows in seen.values()), seen


@pytest.mark.parametrize("mode", ["plain", "sanitized"])
def test_tiles_hold_all_that_windows_hold(compile_simt: Compile, mode: str) -> None:
    assert run_tiles(compile_simt(HERE / "tiles.cpp", mode=mode)) == ""


def run_tiles(program: Path) -> str:
    return subprocess.run([program], text=True, capture_output=True, check=True, timeout=100).stdout


def not_numbers(array: np.ndarray) -> np.ndarray:
    """Which of the tokens `[1, tokens, ...]` hold one."""
    return np.isnan(load(array))[0].reshape(array.shape[1], -1).any(1)
