"""The kernels of every instruction set give what the reference gives; NBV_ISA chooses one that the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["portable", "avx2", "avx512"])
def test_agrees_with_the_reference(name: str) -> None:
    command = [sys.executable, str(Path(__file__).with_name("sweep.py"))]
    run = subprocess.run(command, env={**os.environ, "NBV_ISA": name}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
