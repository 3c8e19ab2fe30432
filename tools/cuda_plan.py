"""Which CUDA kernels a call of an operator starts, on how many blocks: the plans of csrc/cuda, asked on the CPU."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
Call = tuple[str, Mapping[str, int]]  # the operator, and what tools/cuda_plan.cpp wants to know of it


class Launch(NamedTuple):
    """One kernel that a call starts."""

    kernel: str
    blocks: int
    threads: int  # of a block
    shared: int  # bytes of a block


def build(folder: Path, flags: Sequence[str] = ("-O0",)) -> Path:
    """Compile tools/cuda_plan.cpp with g++, kernels and emulator with it; subprocess.CalledProcessError if it fails."""
    sources = [ROOT / "tools/cuda_plan.cpp", *sorted((ROOT / "csrc/simt").glob("*.cpp"))]
    command = ["g++", "-std=c++20", "-g1", "-fno-strict-aliasing", "-Wno-unknown-pragmas", *flags]

    def compile_one(source: Path) -> str:
        target = folder / f"{source.stem}.o"
        subprocess.run([*command, "-c", str(source), "-o", str(target)], check=True, text=True, capture_output=True)
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / "cuda_plan"
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
        else:
            place, blocks, threads, shared = map(int, numbers)
            found[-1].append(Launch(names[place], blocks, threads, shared))
    return found


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
