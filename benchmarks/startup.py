"""How long one image takes from the start of the process, by PyTorch and by onnxruntime.

    python benchmarks/startup.py [IMAGE] [--onnx FILE] [--repeat 5] [--json FILE]

Medians of wall-clock and of CPU time of whole processes `vision forgery IMAGE`, in turns, so that a busy machine slows
both. One thread. Without --onnx the file is made first (`vision export forgery`).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import Results, add_json

SAMPLE = Path(__file__).resolve().parent.parent / "tools/samples/flux_schnell_cat.png"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", nargs="?", default=str(SAMPLE))
    parser.add_argument("--onnx", metavar="FILE")
    add_json(parser)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = args.onnx or str(Path(folder) / "detector.onnx")
        if args.onnx is None:
            seconds_of([sys.executable, "-m", "vision", "export", "forgery", "-o", file])
        measure(args.image, file, args.repeat).write(args.json)


def measure(image: str, onnx: str, repeat: int) -> Results:
    """Time both in turn, and print."""
    command = [sys.executable, "-m", "vision", "forgery", image]
    commands = {"PyTorch": command, "onnxruntime": [*command, "--checkpoint", onnx]}
    for each in commands.values():
        seconds_of(each)  # the files are in memory from now on
    found = {name: [seconds_of(each)] for name, each in commands.items()}
    for _ in range(repeat - 1):
        for name, each in commands.items():
            found[name].append(seconds_of(each))
    results, walls = Results(), {}
    for name, seconds in found.items():
        walls[name], cpu = (statistics.median(column) for column in zip(*seconds, strict=True))
        print(f"{name:12} {walls[name]:.2f} s, {cpu:.2f} s of CPU time")
    ours = walls.pop("onnxruntime")
    results.add("vision forgery IMAGE from the start of the process", "onnxruntime alone", ours, walls, unit="s")
    return results


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
