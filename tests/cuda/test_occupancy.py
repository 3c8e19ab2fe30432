"""How many blocks a multiprocessor holds, against NVIDIA's cuda_occupancy.h."""

from __future__ import annotations

import os
import random
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from vision.analysis.occupancy import MULTIPROCESSORS, active_blocks

HERE = Path(__file__).parent


def test_what_limits() -> None:
    assert active_blocks("90", threads=32, registers=16, shared=0) == 32  # the number of blocks
    assert active_blocks("90", threads=256, registers=32, shared=0) == 8  # of warps
    assert active_blocks("90a", threads=128, registers=128, shared=40 << 10) == 4  # of registers: 16 of 64 warps
    assert active_blocks("86", threads=128, registers=128, shared=40 << 10) == 2  # shared memory: 41 of 100 KiB
    assert active_blocks("75", threads=128, registers=132, shared=40 << 10) == 1
    assert active_blocks("75", threads=64, registers=32, shared=64 << 10) == 1
    assert active_blocks("80", threads=128, registers=40, shared=(163 << 10) + 1) == 0  # more than a block may have
    assert active_blocks("80", threads=512, registers=129, shared=0) == 0


def test_counts_as_nvidia_does(tmp_path: Path) -> None:
    setup = runpy.run_path(str(HERE.parents[1] / "setup.py"), run_name="setup")
    nvcc = setup["find_nvcc"](os.environ)
    if nvcc is None or shutil.which("g++") is None:
        pytest.skip("no CUDA toolkit with cuda_occupancy.h, or no g++")
    program = tmp_path / "occupancy"
    include = f"-I{setup['ask_nvcc'](nvcc)[1]}/include"
    subprocess.run(["g++", "-O1", include, str(HERE / "occupancy.cpp"), "-o", str(program)], check=True)
    random.seed(0)
    cases, lines = [], []
    for architecture, limits in MULTIPROCESSORS.items():
        for _ in range(400):
            shared = random.choice([0, random.randrange(limits.block_shared + 2)])
            case = (
                architecture,
                random.choice([random.randrange(1, 1025), 128, 256]),
                random.randrange(16, 256),
                shared,
            )
            cases.append(case)
            numbers = (int(architecture[:-1]), int(architecture[-1]), limits.warps, limits.shared, limits.reserved)
            lines.append(" ".join(map(str, (*numbers, *case[1:]))))
    done = subprocess.run([str(program)], input="\n".join(lines), text=True, capture_output=True, check=True)
    theirs = [int(line) for line in done.stdout.split()]
    assert len(theirs) == len(cases)
    assert [(*case, active_blocks(*case)) for case in cases] == [
        (*case, n) for case, n in zip(cases, theirs, strict=True)
    ]
