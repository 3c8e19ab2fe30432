"""The kernels of every instruction set give what the reference gives; NBV_ISA chooses one that the machine has."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

NEEDS = {
    "portable": set[str](),
    "avx2": {"avx2", "fma", "f16c"},
    "avx512": {"avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512dq", "avx512bw"},
}


def best(wish: str) -> str:
    """What the machine has of that instruction set and those below it."""
    cpus = Path("/proc/cpuinfo")
    if platform.machine() not in ("x86_64", "AMD64") or not cpus.exists():
        return "portable"
    flags = set(next(line for line in cpus.read_text().splitlines() if line.startswith("flags")).split())
    names = list(NEEDS)
    return [name for name in names[: names.index(wish) + 1] if NEEDS[name] <= flags][-1]


@pytest.mark.parametrize("name", NEEDS)
def test_agrees_with_the_reference(name: str) -> None:
    command = [sys.executable, str(Path(__file__).with_name("sweep.py"))]
    run = subprocess.run(command, env={**os.environ, "NBV_ISA": name}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == best(name)
