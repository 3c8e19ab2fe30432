"""Match attention's CUDA kernels run by the emulator: against the reference; and planted faults, each of them found."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

import emulation
import numpy as np
import pytest
import torch
from emulation import HERE, ROOT, Case, Compile, Fault, Results, compile_mutant, find_lines, sanitizers

from vision.ops.match import reference

KERNELS = ROOT / "csrc/cuda/match"
SOURCE = HERE / "match.cpp"
run = partial(emulation.run, "emulated_match.py")

pytestmark = pytest.mark.timeout(600)


def make_case(
    size: tuple[int, int] = (5, 7),
    radius: tuple[int, int] = (1, 1),
    heads: int = 2,
    dim: int = 5,
    batch: int = 1,
    dtype: str = "float32",
    amplitude: float = 1.0,
    centers: str = "anywhere",
    layout: tuple[int, ...] | None = None,
    need_weights: bool = True,
    seed: int = 0,
) -> Case:
    """Arguments by name. `layout`: the order of the axes in memory, with gaps."""
    generator = np.random.default_rng(seed)
    (h, w), tokens = size, (batch, *size, heads)
    draw = [generator.standard_normal((*tokens, dim)) * amplitude for _ in range(4)]
    draw[1][generator.random(draw[1].shape) < 0.2] = 0.5  # where q is equal to k the derivative is 0
    draw[0][generator.random(draw[0].shape) < 0.2] = 0.5
    offset = generator.random((*tokens, 2)) * (w + 4, h + 4) - 2
    if centers == "same":
        offset[:] = (w / 2.3, h / 2.7)
    else:  # pixels themselves and the limits too
        at = generator.random(tokens)
        offset[at < 0.3] = offset[at < 0.3].round()
        offset[at < 0.1] = radius
        offset[at > 0.9] = (w - 1 - radius[0], h - 1 - radius[1])
        offset[at > 0.95] = np.array((w - 1 - radius[0], h - 1 - radius[1])) - 1e-3
    slots = (2 * radius[0] + 2) * (2 * radius[1] + 2)
    arrays = dict(zip(("query", "key", "value", "grad_out"), draw, strict=True)) | {"offset": offset}
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    arrays["grad_attn"] = generator.standard_normal((*tokens, slots)).astype(dtype) if need_weights else None
    return {**arrays, "radius": radius, "scale": dim**-0.5, "layout": layout, "need_weights": need_weights}


PERMUTED, CROSSED = (3, 0, 2, 1), (1, 2, 0, 3)
SMALL = {
    "radius 0": {"radius": (0, 0), "size": (3, 5), "dim": 1, "heads": 3},
    "radius 1": {"batch": 2},
    "x wider": {"radius": (2, 1), "size": (5, 9), "dim": 33, "heads": 1, "layout": PERMUTED},
    "y wider": {"radius": (1, 2), "size": (7, 5), "dim": 12, "heads": 1, "layout": CROSSED},
    "no weights": {"need_weights": False, "layout": PERMUTED, "dim": 7},
}
CASES = {
    **SMALL,
    "as small as windows": {"radius": (2, 2), "size": (6, 6), "dim": 64, "heads": 1},
    "far apart": {"amplitude": 150.0, "size": (6, 6), "dim": 1},
    "one window": {"centers": "same", "radius": (0, 0), "size": (17, 19), "dim": 2, "heads": 1},
    "many windows": {"radius": (0, 1), "size": (17, 19), "dim": 40, "heads": 1},
    "several heads": {"dim": 8, "heads": 4, "batch": 2, "size": (4, 5)},
}


def expected(case: Case) -> Results:
    """By the reference and its derivatives."""
    inputs = {name: torch.from_numpy(case[name]).requires_grad_() for name in ("query", "key", "value", "offset")}
    out, attn = reference.match_attention(*inputs.values(), *case["radius"], case["scale"])
    upstream = [torch.from_numpy(case["grad_out"])]
    upstream += [torch.from_numpy(case["grad_attn"])] if case["need_weights"] else [torch.zeros_like(attn)]
    grads = torch.autograd.grad([out, attn], list(inputs.values()), upstream)
    results = {"out": out} | ({"attn": attn} if case["need_weights"] else {})
    results |= {f"grad_{name}": grad for name, grad in zip(inputs, grads, strict=True)}
    return {name: tensor.detach().numpy() for name, tensor in results.items()}


def what_is_wrong(results: Results | str, case: Case) -> str:
    """Which results are not those of the reference, or the fault; empty if nothing is wrong."""
    if isinstance(results, str):
        return results
    wrong = []
    for name, right in expected(case).items():
        tolerance = 1e-10 if right.dtype == np.float64 else 2e-5
        off = np.abs(results[name] - right).max() / max(1.0, np.abs(right).max())
        if not off <= tolerance:
            wrong.append(f"{name}: off by {off}")
    return ", ".join(wrong)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_those_of_the_reference(compile_simt: Compile, tmp_path: Path, dtype: str) -> None:
    library = compile_simt(SOURCE, library=True)
    cases = [make_case(**settings, dtype=dtype, seed=i) for i, settings in enumerate(CASES.values())]
    found = run(library, cases, tmp_path)
    wrong = {name: what_is_wrong(*pair) for name, pair in zip(CASES, zip(found, cases, strict=True), strict=True)}
    assert not any(wrong.values()), wrong


def test_windows_as_large_as_they_may_be(compile_simt: Compile, tmp_path: Path) -> None:
    """1024 slots: shared memory is for fewer warps then."""
    case = make_case(radius=(127, 1), size=(4, 256), heads=1, dim=1, dtype="float64")
    (found,) = run(compile_simt(SOURCE, library=True), [case], tmp_path)
    assert what_is_wrong(found, case) == ""


def test_a_center_that_is_no_number(compile_simt: Compile, tmp_path: Path) -> None:
    case = make_case(dtype="float64")
    case["offset"][0, 2, 3, 1] = np.nan
    (found,) = run(compile_simt(SOURCE, library=True), [case], tmp_path)
    assert isinstance(found, dict), found
    for name, right in expected(case).items():
        np.testing.assert_allclose(found[name], right, atol=1e-10, err_msg=name)
        assert 0 < np.isnan(right).sum() < right.size / 2


def small_cases(dtype: str = "float32") -> list[Case]:
    return [make_case(**settings, dtype=dtype, seed=i) for i, settings in enumerate(SMALL.values())]


def test_no_order_of_lanes_and_blocks_changes_a_bit(compile_simt: Compile, tmp_path: Path) -> None:
    library = compile_simt(SOURCE, library=True)
    several_blocks_of_queries = make_case(**CASES["many windows"] | {"dim": 3})
    cases = [*small_cases(), *small_cases("float64")[:2], several_blocks_of_queries]
    first = run(library, cases, tmp_path)
    assert not any(isinstance(results, str) for results in first)
    for order in ("reverse", "random:0", "random:1", "random:2"):
        for one, other in zip(first, run(library, cases, tmp_path, order), strict=True):
            assert not isinstance(other, str), other
            assert all(one[name].tobytes() == other[name].tobytes() for name in one), order


def test_no_races(compile_simt: Compile, tmp_path: Path) -> None:
    library = compile_simt(SOURCE, mode="hooks", library=True)
    cases = [*small_cases(), order_case()]
    assert [what_is_wrong(*pair) for pair in zip(run(library, cases, tmp_path), cases, strict=True)] == [""] * len(
        cases
    )


def order_case() -> Case:
    """More queries than a block of the sort takes at once, and little else."""
    return make_case(radius=(0, 0), size=(15, 18), heads=1, dim=1)


def test_sanitizers_have_nothing_to_say(compile_simt: Compile, tmp_path: Path) -> None:
    library = compile_simt(SOURCE, mode="sanitized", library=True)
    found = run(library, cases := small_cases(), tmp_path, order="random:0", preload=sanitizers())
    assert [what_is_wrong(*pair) for pair in zip(found, cases, strict=True)] == [""] * len(cases)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc compiles the kernels for devices")
def test_kernels_compile_without_spills(tmp_path: Path) -> None:
    targets = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in (75, 80, 90)]
    command = ["nvcc", "-std=c++20", "-O3", *targets, "-Xptxas", "-warn-spills,-Werror", "-Werror", "all-warnings"]
    command += ["-c", str(KERNELS / "kernels.cu"), "-o", str(tmp_path / "kernels.o")]
    done = subprocess.run(command, text=True, capture_output=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


# What is planted, by name. Found without hooks: by wrong results or a fault of the emulator.
FAULTS = {
    "window's last row is in the upper sub-windows": ("match/window.h", "row < rows - 1", "row < rows"),
    "window's first column is in the right sub-windows": ("match/window.h", "column > 0", "column >= 0"),
    "no sub-window's mask in the sums": ("match/window.h", "if (window.holds(w, m)) sum", "sum"),
    "no sub-window's mask in the weights": ("match/window.h", "window.holds(w, slot) ? ", "true ? "),
    "one maximum for all sub-windows": ("match/window.h", "window.holds(w, m) && logits[m] > most", "logits[m] > most"),
    "x and y swapped in the shares": ("match/window.h", "sub_window < 2 ? 1 - y", "sub_window % 2 == 0 ? 1 - y"),
    "x and y swapped in the window": ("match/window.h", "y.first + slot / columns", "y.first + slot % columns"),
    "centers of x clamped by the height": ("match/window.h", "p.radius_x, p.width", "p.radius_x, p.height"),
    "centers clamped a pixel early": ("../geometry/match_window.h", "1 - radius - kM", "2 - radius - kM"),
    "centers clamped without a margin": ("../geometry/match_window.h", " - radius - kMatchMargin", " - radius"),
    "gradient of centers outside": ("match/backward.h", "window.x.inside ?", "true ?"),
    "stale logit in the last slot": (
        "match/forward.h",
        "m < window.slots; m += 32) {\n        T weight",
        "m + 1 < window.slots; m += 32) {\n        T weight",
    ),
    "warps share their logits": ("match/forward.h", "threadIdx.x / 32 * window.slots", "0"),
    "the last channels are left out": ("match/window.h", "start - first < dim", "start + 8 - first <= dim"),
    "keys are summed, not values": ("match/forward.h", "p.value, lane", "p.key, lane"),
    "grad_attn is forgotten": ("match/backward.h", "grad + token.in<T>(p.grad_attn)[m]", "grad"),
    "a derivative where q is equal to k": ("match/backward.h", "of == 0 ? T(0) : magnitude", "magnitude"),
    "windows go on in the line before": ("match/backward.h", "if (y < 0 || x < 0) continue", "if (y < 0) continue"),
    "queries of the window before too": ("match/backward.h", "scratch.end[head + window - 1]", "0"),
    "the first of equal queries twice": ("match/order.h", "equal && i < thread", "equal && i + 1 < thread"),
    "the second block of queries begins anew": ("match/order.h", "end[window] = place + 1", "end[window] = place"),
    "sample of another batch": (
        "match/window.h",
        "return static_cast<const T*>(view.data) + batch * view.batch +",
        "return static_cast<const T*>(view.data) + 0 * batch * view.batch +",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found(compile_simt: Compile, tmp_path: Path, name: str) -> None:
    library = compile_mutant(compile_simt, tmp_path, SOURCE, Fault(*FAULTS[name]))
    settings = [SMALL["radius 1"], SMALL["y wider"], CASES["far apart"]]
    cases = [*(make_case(**each, seed=i) for i, each in enumerate(settings)), order_case()]
    assert any(
        what_is_wrong(*pair)
        for order in ("forward", "random:0")
        for pair in zip(run(library, cases, tmp_path, order), cases, strict=True)
    )


def test_sanitizers_know_where_tensors_end(compile_simt: Compile, tmp_path: Path) -> None:
    fault = Fault("match/forward.h", "d < dim; d += kChannelLanes", "d <= dim; d += kChannelLanes")
    library = compile_mutant(compile_simt, tmp_path, SOURCE, fault, mode="sanitized")
    found = run(library, [make_case()], tmp_path, preload=sanitizers())
    assert isinstance(found[0], str) and "heap-buffer-overflow" in found[0]


BARRIERS = find_lines(KERNELS, r"__sync\w+\(\);  // .*")


def test_every_barrier_says_why() -> None:
    assert len(BARRIERS) == sum(path.read_text().count("__sync") for path in KERNELS.glob("*.h")) == 10


@pytest.mark.parametrize(("file", "barrier"), BARRIERS)
def test_every_barrier_is_needed(compile_simt: Compile, tmp_path: Path, file: str, barrier: str) -> None:
    library = compile_mutant(compile_simt, tmp_path, SOURCE, Fault(file, barrier, ""), mode="hooks")
    found = run(library, [order_case() if file.endswith("order.h") else make_case()], tmp_path)
    assert isinstance(found[0], str) and "race on" in found[0]
