"""The glue between tensors and the operators' CUDA kernels, run on CPU tensors, its launches by the emulator."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("mechanism", "program"), [("match", "emulated_op"), ("neighborhood", "emulated_neighborhood_op")]
)
def test_operator_equals_the_reference_and_refuses_mistakes(
    compile_simt: Callable[..., Path], mechanism: str, program: str
) -> None:
    headers = Path(torch.__file__).parent / "include"
    if not (headers / "torch/csrc/stable/accelerator.h").exists():
        pytest.skip("torch's headers are not there")
    source = ROOT / "csrc/cuda" / mechanism / "op.cpp"
    glue = hashlib.sha256(source.read_bytes()).hexdigest()  # the cache knows headers only
    flags = [f"-DGLUE=0x{glue[:8]}", "-DUSE_CUDA", "-DTORCH_TARGET_VERSION=0x020a000000000000"]
    flags += ["-isystem", str(headers), f"-I{HERE / 'host'}"]
    library = compile_simt(HERE / f"{program}.cpp", flags=flags, library=True)
    command = [sys.executable, str(HERE / f"{program}.py"), str(library)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=250)
    assert done.returncode == 0 and done.stdout == "equal\n", (done.stdout + done.stderr)[-8000:]
