"""The SIMT emulator: layouts, collectives, copies and counters are right, and every planted fault is found."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
ORDERS = ("forward", "reverse", *(f"random:{seed}" for seed in range(5)))
Compile = Callable[..., Path]

pytestmark = pytest.mark.timeout(600)


def run(program: Path, *arguments: object, order: str = "forward", check: bool = True) -> str:
    settings = {"NBV_SIMT_ORDER": order, "ASAN_OPTIONS": "detect_leaks=1"}
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **settings}, text=True, capture_output=True, timeout=120)
    assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout if check else done.stdout + done.stderr


@pytest.mark.parametrize("mode", ["plain", "sanitized"])
def test_layouts(compile_simt: Compile, mode: str) -> None:
    assert run(compile_simt(HERE / "layouts.cpp", mode=mode)) == "0 wrong\n"


@pytest.mark.parametrize("mode", ["plain", "sanitized", "ucontext"])
def test_collectives(compile_simt: Compile, mode: str) -> None:
    program = compile_simt(HERE / "collectives.cpp", mode=mode)
    for order in ORDERS:
        assert run(program, order=order) == "0 wrong\n", order


def test_an_order_that_is_none(compile_simt: Compile) -> None:
    said = run(compile_simt(HERE / "faults.cpp"), "neighbor", order="sideways")
    assert "NBV_SIMT_ORDER=sideways: expected forward, reverse or random:<seed>" in said


def test_copies_arrive_at_their_wait(compile_simt: Compile) -> None:
    assert run(compile_simt(HERE / "copies.cpp")).splitlines() == [
        "wait<0>: 128 128 128, 0 unwaited",
        "neighbor: 256",
        "words: 128, 0 missing",
        "wait<1>: 128 128 0, 32 unwaited",
        "wait<2>: 128 0 0, 64 unwaited",
        "wait<3>: 0 0 0, 96 unwaited",
        "neighbor without commit: 0",
        "words: 128, 32 missing",
    ]


def test_hooks_find_what_looks_before_the_wait(compile_simt: Compile) -> None:
    program = compile_simt(HERE / "copies.cpp", mode="hooks")
    assert "fault" not in run(program, "right")
    line = re.escape(next_line("copies.cpp", "cp_async16(memory + group"))
    assert re.search(rf"accesses byte 1024 .* before the wait for the cp.async at copies.cpp:{line}", run(program))
    line = re.escape(next_line("copies.cpp", "cp_async4(memory + lane * 16 + 4"))
    said = run(program, "words")
    assert re.search(rf"accesses byte 4 of shared memory at .* for the cp.async at copies.cpp:{line}", said)


# What is said of each kernel of faults.cpp in any mode; of the right ones nothing; of the last with hooks only.
FAULTS = {
    "barrier_in_a_branch": "waits at the barrier at {0}, but thread (0, 0, 0) at the barrier at {1}",
    "barrier_for_some": "left the kernel before any barrier, but thread (0, 0, 0) waits at the barrier at",
    "barrier_after_some_left": "waits at the barrier at {0}, but thread (0, 0, 0) left the kernel",
    "barrier_against_shuffle": "waits at the barrier at",
    "barrier_against_warp_barrier": "lanes wait for each other: thread (0, 0, 0) waits at {0}, thread (1, 0, 0) at {1}",
    "shuffle_in_a_branch": "left the kernel before any barrier, but thread (0, 0, 0) waits for it with mask 0xffffffff",
    "shuffle_against_vote": "waits with mask 0xffffffff at",
    "masks_that_differ": "mask 0xffffffff at",
    "mask_without_itself": "is not in its own mask 0x00000001 at",
    "write_behind": "byte 1024 of 1024 bytes of shared memory",
    "write_behind_a_part": "100 bytes of shared memory",
    "write_before": "1024 bytes of shared memory",
    "write_far_behind": "byte 300000 of 1024 bytes of shared memory",
    "read_behind": "byte 1024 of 1024 bytes of shared memory",
    "ldmatrix_at": "reads a row at byte 1024 of 1024 bytes",
    "ldmatrix_misaligned": "reads a row at byte 8 of 1024 bytes",
    "mma_of_a_part": "wants a warp of 32 lanes",
    "copy_at": "writes byte 1024 of 1024 bytes",
    "copy_misaligned": "both must be multiples of 16",
    "copy4_misaligned": "both must be multiples of 4",
    "null_pointer": "which is no memory",
    "stack_overflow": "overflowed",
    "throws": "the kernel threw an exception",
    "shared_limit": "49153 bytes of shared memory: the limit is 49152",
    "shared_beyond": "no device has more than 232448",
    "block_too_large": "a block of 1025 x 1 x 1 threads",
    "grid_empty": "a grid of 0 x 1 x 1 blocks",
    "block_of_no_grid": "block 4 of a grid of 2 x 2 x 1",
    "nested": "a kernel cannot launch another",
}
RIGHT = ("again", "atomics_of_blocks", "halves_of_a_word", "neighbor", "neighbor_of_warp", "other_block")
RIGHT += ("shared_asked", "shared_most", "write_last", "copy4_last")
HOOKS_ONLY = {
    "neighbor_race": "race on byte 4 of shared memory: thread (0, 0, 0) reads at faults.cpp:",
    "write_after_read_race": "race on byte 0 of shared memory",
    "neighbor_of_warp_race": "race on byte 4 of shared memory",
    "neighbor_after_a_shuffle_race": "race on byte 4 of shared memory",
    "neighbor_after_a_vote_race": "race on byte 4 of shared memory",
    "neighbor_after_a_product_race": "race on byte 4 of shared memory",
    "neighbor_of_other_warp_race": "race on byte 128 of shared memory: thread (0, 0, 0) reads at faults.cpp:",
    "same_word_race": "race on byte 0 of shared memory: thread (0, 0, 0) writes at faults.cpp:",
    "other_block_race": "another block accessed it",
    "read_behind_a_part": "accesses byte 100 of 100 bytes of shared memory at faults.cpp:",
}


def findings(said: str) -> dict[str, str]:
    """By kernel: "ok", or the fault; races are several lines."""
    found = dict(re.findall(r"^(\w+): (ok|fault: .*(?:\n(?!\w+: (?:ok|fault)).*)*)$", said, re.MULTILINE))
    assert set(found) == {*FAULTS, *RIGHT, *HOOKS_ONLY}
    return found


@pytest.mark.parametrize("mode", ["plain", "hooks"])
def test_faults_are_found_and_nothing_else(compile_simt: Compile, mode: str) -> None:
    program = compile_simt(HERE / "faults.cpp", mode=mode)
    found = findings(run(program))
    expected = {**FAULTS, **HOOKS_ONLY} if mode == "hooks" else FAULTS
    for name, text in found.items():
        if name in expected:
            words = (
                re.escape(expected[name]).replace(r"\{0\}", r"faults\.cpp:\d+").replace(r"\{1\}", r"faults\.cpp:\d+")
            )
            assert re.search(words, text), f"{name}: {text}"
        else:
            assert text == "ok", f"{name}: {text}"


@pytest.mark.parametrize("order", ORDERS[:3])
def test_races_are_those_of_the_definition(compile_simt: Compile, order: str) -> None:
    said = run(compile_simt(HERE / "fuzz.cpp", mode="hooks"), 3000, order=order)
    assert re.fullmatch(r"1\d\d\d of 3000 racy, 0 missed, 0 invented\n", said)


@pytest.mark.parametrize("order", ORDERS[1:])
def test_races_and_divergence_are_found_in_any_order(compile_simt: Compile, order: str) -> None:
    found = findings(run(compile_simt(HERE / "faults.cpp", mode="hooks"), order=order))
    assert {name for name, text in found.items() if text != "ok"} == {*FAULTS, *HOOKS_ONLY}


def test_both_places_are_named(compile_simt: Compile) -> None:
    said = run(compile_simt(HERE / "faults.cpp"), "barrier_in_a_branch")
    first = int(next_line("faults.cpp", "void barrier_in_a_branch"))
    assert re.findall(r"faults\.cpp:(\d+)", said) == [str(first + 4), str(first + 2)]


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("write_behind_a_part", "use-after-poison"),
        ("read_behind_a_part", "use-after-poison"),
        ("write_before", "use-after-poison"),
        ("read_behind", "SEGV"),
        ("stack_overflow", "stack-overflow"),
        ("neighbor", "neighbor: ok"),
        ("again", "again: ok"),
    ],
)
def test_address_sanitizer_knows_shared_memory_and_lanes(compile_simt: Compile, name: str, report: str) -> None:
    assert report in run(compile_simt(HERE / "faults.cpp", mode="sanitized"), name, check=False)


def counters(said: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", said, re.MULTILINE)}


@pytest.mark.parametrize("mode", ["plain", "hooks"])
def test_counters_of_a_kernel_counted_by_hand(compile_simt: Compile, mode: str) -> None:
    blocks, warps, threads = 2, 4, 128
    plain = {
        "blocks": blocks,
        "barriers": 2 * blocks,
        "warp_syncs": warps,
        "exchanges": 3 * warps,
        "mma": 3 * warps,
        "mma_tf32": 2 * warps,
        "exp2": 5 * warps,
        "ldmatrix": 2 * warps,
        "ldmatrix_phases": 8 * warps,
        "ldmatrix_wavefronts": (4 + 4 * 8) * warps,
        "cp_async": threads,
        "cp_async_read": blocks * 48 * 16,
        "unwaited": 0,
        "atomics": threads,
        "global_read": blocks * 48 * 16 + threads * 4,
        "global_written": threads * 4,
        "shared_read": 2 * warps * 512,
        "shared_written": threads * 16,
        "shared_phases": 0,
        "shared_wavefronts": 0,
        "tiles": warps,
    }
    hooks = {
        "global_written": threads * (4 + 4 + 16),
        "shared_read": 2 * warps * 512 + threads * (4 + 4 + 16),
        "shared_phases": warps * (1 + 1 + 4),
        "shared_wavefronts": warps * (1 + 2 + 4),
    }
    program = compile_simt(HERE / "counters.cpp", mode=mode)
    for order in ORDERS:
        assert counters(run(program, order=order)) == (plain if mode == "plain" else plain | hooks), order


@pytest.mark.parametrize("mode", ["plain", "hooks", "sanitized"])
def test_matmul(compile_simt: Compile, mode: str) -> None:
    program = compile_simt(HERE / "matmul.cpp", mode=mode)
    said = {order: run(program, order=order) for order in (ORDERS if mode == "plain" else ORDERS[::3])}
    assert all(text == said["forward"] for text in said.values())
    assert said["forward"].endswith("right\n")
    counted = counters(said["forward"])
    row_tiles, column_tiles, k_tiles = 2, 3, 4  # of 45 x 70 x 120
    tiles = row_tiles * column_tiles * k_tiles
    assert counted["tiles"] == tiles
    assert counted["mma"] == tiles * 4 * 4
    assert counted["barriers"] == 2 * tiles
    assert counted["ldmatrix_wavefronts"] == counted["ldmatrix_phases"] == tiles * 4 * 4 * 4
    assert counted["global_read"] == 2 * 120 * (45 * column_tiles + 70 * row_tiles)
    assert counted["global_written"] == (4 * 45 * 70 if mode == "hooks" else 0)


def test_bank_conflicts_are_counted(compile_simt: Compile) -> None:
    counted = counters(run(compile_simt(HERE / "matmul.cpp"), "unswizzled"))
    assert counted["ldmatrix_wavefronts"] == 4 * counted["ldmatrix_phases"]


# Which mode finds what is planted in matmul.h, and how.
PLANTED = [
    ("no_barrier_before", "plain", "wrong"),
    ("no_barrier_before", "hooks", "before the wait for the cp.async at matmul.h:"),
    ("no_barrier_after", "plain", "wrong"),
    ("no_barrier_after", "hooks", "race on byte|before the wait"),
    ("wait_too_short", "plain", "wrong"),
    ("wait_too_short", "hooks", "before the wait for the cp.async at matmul.h:"),
    ("no_wait", "plain", "wrong"),
    ("no_wait", "hooks", "before the wait for the cp.async at matmul.h:"),
    ("swapped_fragment", "plain", "wrong"),
    ("short_row", "plain", "wrong"),
    ("no_predicate", "sanitized", "heap-buffer-overflow"),
]


@pytest.mark.parametrize(("planted", "mode", "report"), PLANTED)
def test_planted_faults_are_found(compile_simt: Compile, planted: str, mode: str, report: str) -> None:
    program = compile_simt(HERE / "matmul.cpp", mode=mode)
    for order in ORDERS if mode == "plain" else ORDERS[:3]:
        said = run(program, planted, order=order, check=mode != "sanitized")
        assert re.search(report, said), f"{order}: {said[-2000:]}"


def test_python_calls_a_kernel(compile_simt: Compile) -> None:
    """A library of the kernel and the emulator, on arrays of numpy; what is wrong comes back as text."""
    library = ctypes.CDLL(str(compile_simt(HERE / "library.cpp", library=True)))
    library.scale.restype = ctypes.c_char_p
    x = np.arange(100, dtype=np.float32)
    out = np.full_like(x, np.nan)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (x, out)]
    assert library.scale(*pointers, ctypes.c_int(100), ctypes.c_float(3)) == b""
    np.testing.assert_array_equal(out, 3 * x)
    said = library.scale(None, pointers[1], ctypes.c_int(100), ctypes.c_float(3))
    assert b"block (0, 0, 0), thread (0, 0, 0): accessed" in said


def test_host_has_every_name_that_the_device_has() -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ compiles the emulator")
    command = ["g++", "-std=c++20", "-x", "c++", "-Wall", "-Wextra", "-fsyntax-only", str(HERE / "device.cu")]
    done = subprocess.run(command, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc compiles the device's branch of gpu.h")
def test_device_branch_compiles(tmp_path: Path) -> None:
    targets = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in (75, 80, 90)]
    command = ["nvcc", "-std=c++20", "-O3", *targets, "-Xptxas", "-warn-spills,-Werror", "-Werror", "all-warnings"]
    command += ["-c", str(HERE / "device.cu"), "-o", str(tmp_path / "device.o")]
    done = subprocess.run(command, text=True, capture_output=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


def next_line(file: str, text: str) -> str:
    """The number of the first line that holds a text."""
    lines = (HERE / file).read_text().splitlines()
    return str(next(number for number, line in enumerate(lines, 1) if text in line))
