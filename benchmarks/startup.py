"""How long one image takes from the start of the process, by PyTorch and by onnxruntime.

    vision export forgery detector.onnx
    python benchmarks/startup.py IMAGE --onnx detector.onnx [--repeat 5]

Medians of wall-clock and of CPU time of whole processes `vision forgery IMAGE`, in turns, so that a busy machine slows
both. One thread.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--onnx", required=True, metavar="FILE")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    command = [sys.executable, "-m", "vision", "forgery", args.image]
    commands = {"torch": command, "onnxruntime": [*command, "--checkpoint", args.onnx]}
    for each in commands.values():
        seconds_of(each)  # the files are in memory from now on
    found = {name: [seconds_of(each)] for name, each in commands.items()}
    for _ in range(args.repeat - 1):
        for name, each in commands.items():
            found[name].append(seconds_of(each))
    for name, seconds in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*seconds, strict=True))
        print(f"{name:12} {wall:.2f} s, {cpu:.2f} s of CPU time")


def seconds_of(command: list[str]) -> tuple[float, float]:
    """Wall-clock and CPU time of a process."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment())
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
