"""Neighborhood attention's CUDA kernels run by the emulator, against the reference."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from emulation import HERE, Compile, sanitizers, side_by_side
from neighborhood_cases import CASES, PATHS, load, make_case, make_cases, run, what_is_wrong

pytestmark = pytest.mark.timeout(600)
ForPaths = Callable[..., list[str]]


@pytest.fixture
def for_paths(compile_simt: Compile, tmp_path: Path) -> ForPaths:
    """A function that compiles the kernels of each dtype in a mode and lets `check(library, dtype, folder)` judge them.

    Dtypes go side by side. It returns all that the checks return.
    """

    def run_all(
        check: Callable[[Path, str, Path], Iterable[str]], mode: str = "plain", dtypes: Iterable[str] = PATHS
    ) -> list[str]:
        compile_simt(HERE / "tiles.cpp", mode=mode)  # and with it the emulator, once

        def check_one(dtype: str) -> Iterable[str]:
            (folder := tmp_path / dtype).mkdir()
            flags = [f"-DNBV_PATH={PATHS[dtype]}"]
            if mode == "sanitized":
                flags.append("-O0")  # checks in unrolled loops take long to optimize
            return check(compile_simt(HERE / "neighborhood.cpp", mode=mode, flags=flags, library=True), dtype, folder)

        return [text for said in side_by_side(check_one, dtypes) for text in said]

    return run_all


def test_results_are_those_of_the_reference(for_paths: ForPaths) -> None:
    def check(library: Path, dtype: str, folder: Path) -> list[str]:
        cases = make_cases(CASES, dtype)
        return what_is_wrong(run(library, cases, folder), cases)

    wrong = for_paths(check)
    assert not wrong, "\n".join(wrong)


# All ways through the code of a kernel, on little: for what takes longer.
FEW = ("a line, far", "a map in groups", "a volume of everything", "a map of many tiles", "one head of keys")


def test_no_order_of_lanes_and_blocks_changes_a_bit(for_paths: ForPaths) -> None:
    def check(library: Path, dtype: str, folder: Path) -> list[str]:
        cases = make_cases(FEW, dtype)
        first = run(library, cases, folder)
        wrong: list[str] = []
        for order in ("reverse", "random:0", "random:1", "random:2"):
            for one, other in zip(first, run(library, cases, folder, order), strict=True):
                if isinstance(one, str) or isinstance(other, str):
                    wrong += [said for said in (one, other) if isinstance(said, str)]
                elif any(one[name].tobytes() != other[name].tobytes() for name in one["tensors"]):
                    wrong.append(f"{dtype}, {order}: other bits")
        return wrong

    wrong = for_paths(check)
    assert not wrong, "\n".join(wrong)


def test_no_races(for_paths: ForPaths) -> None:
    def check(library: Path, dtype: str, folder: Path) -> list[str]:
        cases = make_cases(FEW, dtype)
        return what_is_wrong(run(library, cases, folder), cases)

    wrong = for_paths(check, mode="hooks")
    assert not wrong, "\n".join(wrong)


def test_sanitizers_have_nothing_to_say(for_paths: ForPaths) -> None:
    def check(library: Path, dtype: str, folder: Path) -> list[str]:
        cases = make_cases(CASES, dtype)
        return what_is_wrong(run(library, cases, folder, order="random:0", preload=sanitizers()), cases)

    wrong = for_paths(check, mode="sanitized")
    assert not wrong, "\n".join(wrong)


def test_what_is_no_number_stays_near(for_paths: ForPaths) -> None:
    """Tiles may spread it: queries that are more than 128 tokens from its window are none of theirs."""

    def check(library: Path, dtype: str, folder: Path) -> list[str]:
        case = make_case(size=(300,), kernel=(3,), dim=8, dtype=dtype)
        case["key"][0, 0] = case["value"][0, 0] = 0x7FC0 if dtype == "bfloat16" else np.nan
        (results,) = run(library, [case], folder)
        if isinstance(results, str):
            return [results]
        found = {name: not_numbers(results[name]) for name in results["tensors"]}
        wrong = [f"{dtype}: {name} is a number" for name in ("out", "grad_query", "grad_key") if not found[name][0]]
        return wrong + [f"{dtype}: {name} is none far away" for name, tokens in found.items() if tokens[131:].any()]

    wrong = for_paths(check)
    assert not wrong, "\n".join(wrong)


def test_a_window_that_the_bias_masks_gives_zeros(for_paths: ForPaths) -> None:
    """One of two heads, and queries near an edge whose windows hold no key on their other side."""

    def check(library: Path, dtype: str, folder: Path) -> list[str]:
        case = make_case(size=(40,), kernel=(5,), heads=2, bias=True, dtype=dtype)
        case["bias"][1] = -np.inf
        case["bias"][0, 4:] = -np.inf  # index 4 is the query itself: the first has no key before it
        (results,) = run(library, [case], folder)
        if isinstance(results, str):
            return [results]
        found = {name: load(results[name]).reshape((*case[of].shape[:3], -1)) for name, of in OUTPUTS.items()}
        wrong = [f"{dtype}: {name} is no number" for name in found if name != "lse" and not_finite(found[name])]
        wrong += [f"{dtype}: {name} of a masked head" for name in found if name != "lse" and found[name][:, :, 1].any()]
        wrong += [f"{dtype}: {name} of a masked query" for name in ("out", "grad_query") if found[name][0, 0, 0].any()]
        masked = np.isneginf(found["lse"][0, :, :, 0])
        wrong += [] if masked[:, 1].all() and masked[:, 0].nonzero()[0].tolist() == [0] else [f"{dtype}: LSE"]
        grad_bias = load(results["grad_bias"])
        return wrong + ([f"{dtype}: bias"] if not_finite(grad_bias) or grad_bias[1].any() else [])

    wrong = for_paths(check)
    assert not wrong, "\n".join(wrong)


def test_a_window_masked_by_large_numbers_has_no_gradient(for_paths: ForPaths) -> None:
    """Of weights, float32 keeps no bit beside a LSE of -1e9: they came out as anything up to infinity."""

    def check(library: Path, dtype: str, folder: Path) -> list[str]:
        case = make_case(size=(40,), kernel=(5,), heads=2, bias=True, dtype=dtype, grad_lse=False)
        case["bias"][1] = -1e9
        (results,) = run(library, [case], folder)
        if isinstance(results, str):
            return [results]
        found = {name: load(results[name]).reshape((*case[of].shape[:3], -1)) for name, of in OUTPUTS.items()}
        grads = [name for name in found if name.startswith("grad")]
        wrong = [f"{dtype}: {name} is no number" for name in found if not_finite(found[name])]
        has_gradient = [name for name in grads if found[name][:, :, 1].any()]
        wrong += [] if has_gradient == (grads if dtype == "float64" else []) else [f"{dtype}: {has_gradient}"]
        return wrong + ([] if found["out"][:, :, 1].any() else [f"{dtype}: no output"])

    wrong = for_paths(check)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mode", ["plain", "sanitized"])
def test_tiles_hold_all_that_windows_hold(compile_simt: Compile, mode: str) -> None:
    program = compile_simt(HERE / "tiles.cpp", mode=mode)
    assert subprocess.run([program], text=True, capture_output=True, check=True, timeout=100).stdout == ""


@pytest.mark.parametrize("mode", ["plain", "sanitized"])
def test_a_tiling_is_remembered_as_it_was_chosen(compile_simt: Compile, mode: str) -> None:
    program = compile_simt(HERE / "tilings.cpp", mode=mode)
    assert subprocess.run([program], text=True, capture_output=True, check=True, timeout=100).stdout == ""


OUTPUTS = {"out": "value", "lse": "query", "grad_query": "query", "grad_key": "key", "grad_value": "value"}


def not_finite(array: np.ndarray) -> bool:
    return not np.isfinite(array).all()


def not_numbers(array: np.ndarray) -> np.ndarray:
    """Which of the tokens `[1, tokens, ...]` hold a value that is none."""
    return np.isnan(load(array))[0].reshape(array.shape[1], -1).any(1)
