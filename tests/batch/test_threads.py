"""Threads of a worker's libraries, whether they are loaded before or after."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import sys

if sys.argv[1] == "before":
    import cv2, torch
from vision.batch.threads import hold_threads

hold_threads(float(sys.argv[2]))
import cv2, torch

print(torch.get_num_threads(), cv2.getNumThreads())
"""


@pytest.mark.parametrize("loaded", ["before", "after"])
@pytest.mark.parametrize(("cpus", "shell", "threads"), [("0.5", "2", 1), ("2", "1", 2), ("0", "1", 1)])
def test_libraries_use_as_many_threads_as_there_are_cpus(loaded: str, cpus: str, shell: str, threads: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": shell, "OPENCV_FOR_THREADS_NUM": shell}
    command = [sys.executable, "-c", _PROGRAM, loaded, cpus]
    assert subprocess.check_output(command, env=environment, text=True).split() == [str(threads)] * 2
