"""What the machine has, and whether our kernels are there."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess

import torch

from tools.gpu_check.record import Record
from vision.analysis import attention_speed, match_speed
from vision.analysis.speed import device_name, matrix_rate
from vision.ops.common import kernels

# What the checks use, by the names of their distributions; opencv has several.
_PACKAGES = ("numpy", "timm", "safetensors", "rich", "pytest", "PyWavelets", "mmengine", "natten", "triton")


def run(record: Record) -> None:
    """A line on each."""
    record.note(f"device: {device_name(record.device)}")
    record.note(f"torch {torch.__version__}, CUDA {torch.version.cuda}, Python {platform.python_version()}")
    record.note(first_line("nvcc", "--version", pick="release"))
    versions = {name: version(name) for name in _PACKAGES}
    record.note("packages: " + ", ".join(f"{name} {number}" for name, number in versions.items() if number))
    record.note("absent: " + (", ".join(name for name, number in versions.items() if not number) or "none"))
    record.note(f"kernels for the CPU: {kernels.missing() or 'loaded'}")
    for name, missing in (("neighborhood", attention_speed.native_missing), ("match", match_speed.native_missing)):
        reason = missing(record.device)
        record.check(f"kernels of {name} attention for {record.device}", reason is None, reason or "loaded")
    if not record.on_gpu:
        return
    record.note(
        first_line("nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv,noheader")
    )
    rates = []
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        rates.append([str(dtype).removeprefix("torch."), f"{matrix_rate(record.device, dtype) / 1e12:.1f}"])
    record.table("Rate of an 8192^3 product", ["dtype", "TFLOP/s"], rates)


def version(name: str) -> str | None:
    """Of an installed distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def first_line(program: str, *arguments: str, pick: str = "") -> str:
    """What a program says: its first line, or the one with a word in it."""
    if shutil.which(program) is None:
        return f"{program}: not found"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30)
    lines = [line for line in done.stdout.splitlines() if pick in line]
    return f"{program}: {lines[0].strip() if lines else done.stderr.strip()[:100]}"
