"""Which CUDA kernels a call of an operator starts, on how many blocks: the plans of csrc/cuda, asked on the CPU."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from vision.analysis.occupancy import MULTIPROCESSORS

ROOT = Path(__file__).resolve().parents[1]
DTYPES = ("float32", "float64", "bfloat16", "float16")  # in the order of CudaType
Call = tuple[str, Mapping[str, int]]  # the operator, and what tools/cuda_plan.cpp wants to know of it


class Launch(NamedTuple):
    """One kernel that a call starts."""

    kernel: str
    blocks: int
    threads: int  # of a block
    shared: int  # bytes of a block
    counts: dict[str, int]  # what else the program says of it


def build(folder: Path, source: Path = ROOT / "tools/cuda_plan.cpp", flags: Sequence[str] = ("-O0",)) -> Path:
    """Compile a program that knows the plans with g++, the emulator with it; CalledProcessError if that fails.

    Args:
        folder: to write to.
        source: the program.
        flags: g++'s for the program; the emulator has its own.
    """
    sources = [(source, flags), *((path, ["-O2"]) for path in sorted((ROOT / "csrc/simt").glob("*.cpp")))]
    command = ["g++", "-std=c++20", "-g1", "-fno-strict-aliasing", "-Wno-unknown-pragmas"]

    def compile_one(job: tuple[Path, Sequence[str]]) -> str:
        target = folder / f"{job[0].stem}.o"
        line = [*command, *job[1], "-c", str(job[0]), "-o", str(target)]
        subprocess.run(line, check=True, text=True, capture_output=True)
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / source.stem
    libraries = ["-ldl", "-lpthread"]
    subprocess.run(["g++", *objects, *libraries, "-o", str(program)], check=True, text=True, capture_output=True)
    return program


def ask(program: Path, calls: Sequence[Call]) -> list[list[Launch]]:
    """The kernels of each call, in their order."""
    lines = [" ".join([name, *(f"{key} {int(number)}" for key, number in numbers.items())]) for name, numbers in calls]
    done = subprocess.run([str(program)], input="\n".join(lines) + "\n", text=True, capture_output=True)
    if done.returncode != 0:
        raise ValueError(f"{program.name} ended with {done.returncode}: {done.stderr.strip()}")
    names = _function_names(program)
    found: list[list[Launch]] = []
    for line in done.stdout.splitlines():
        word, *numbers = line.split()
        if word == "call":
            found.append([])
        elif word == "launch":
            place, blocks, threads, shared = map(int, numbers)
            found[-1].append(Launch(names[place], blocks, threads, shared, {}))
        else:
            found[-1][-1].counts[word] = int(numbers[0])
    return found


def neighborhood_call(
    shape: Sequence[int],
    kernel_size: Sequence[int],
    *,
    heads: int,
    dim: int,
    architecture: str,
    multiprocessors: int,
    batch: int = 1,
    stride: Sequence[int] | None = None,
    dilation: int = 1,
    dtype: str = "bfloat16",
    bias: bool = False,
    backward: bool = False,
    whole: bool = False,
) -> Call:
    """Neighborhood attention of self attention on contiguous tensors; sizes of one to three axes.

    `dtype` is one of DTYPES or "tf32": float32 whose products may be on tensor cores.
    """
    kind = DTYPES.index("float32" if dtype == "tf32" else dtype)
    numbers = {"type": kind, "tf32": dtype == "tf32", "batch": batch, "heads": heads, "heads_kv": heads}
    numbers |= {"dim": dim, "dim_v": dim, "extra": 0, "bias": bias, "backward": backward, "whole": whole}
    missing = (1,) * (3 - len(shape))
    strides = stride or (1,) * len(shape)
    for name, sizes in (("length", shape), ("kernel", kernel_size), ("stride", strides)):
        numbers |= {f"{name}_{axis}": size for axis, size in zip("zyx", (*missing, *sizes), strict=True)}
    for axis in "zyx":
        numbers |= {f"dilation_{axis}": dilation if numbers[f"length_{axis}"] > 1 else 1, f"causal_{axis}": 0}
    limits = MULTIPROCESSORS[architecture]
    numbers |= {"architecture": int(architecture), "multiprocessors": multiprocessors}
    return "neighborhood", {**numbers, "block_shared": limits.block_shared}


def short_name(function: str) -> str:
    """`match_forward<float, 4>` from a demangled function, alike for nvcc's and g++'s names of the types."""
    name = function.replace("(anonymous namespace)::", "").replace("nbv::", "").replace("simt::", "")
    name = name.removeprefix("void ").replace("__nv_bfloat16", "BFloat16").replace("__half", "Half")
    return re.sub(r"\(\w+\)(\d)", r"\1", name).partition("(")[0]


def _function_names(program: Path) -> dict[int, str]:
    """By the place of their code from nbv_plan_origin."""
    listed = subprocess.run(["nm", "-C", str(program)], check=True, text=True, capture_output=True).stdout
    symbols = re.findall(r"^([0-9a-f]+) [tTwW] (.*)$", listed, re.MULTILINE)
    origin = next(int(place, 16) for place, name in symbols if name == "nbv_plan_origin")
    return {int(place, 16) - origin: short_name(name) for place, name in symbols}
