"""`vision batch forgery` beside `vision forgery` on the same cores: images per second, seconds to begin, memory.

    python -m benchmarks.batch_throughput --files 20000
    python -m benchmarks.batch_throughput --empty 200000

Both judge the same small generated files. What it takes to begin is the time for one file; the rate is that of the
others, or of all where beginning takes more than a third of the time. Memory is the peak of the resident set: of the
driver, of the process beside it that speaks to Ray, and of one worker. The last lines say what ten million such images
take on nodes like this one. With --empty, inputs are not looked at: what one driver can do at most, whatever the
number of workers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from benchmarks.batch_files import make_images
from benchmarks.batch_nothing import Nothing
from benchmarks.results import Results, add_json
from vision.batch.driver import Outcome

MILLIONS = 10_000_000
_LOOK_SECONDS = 0.2
_PARTS = {
    "vision batch": "driver",
    "vision.batch.ray_side": "beside Ray",
    "ray::MapWorker": "worker",
    "vision forgery": "plain",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--actors", type=int, default=None, help="workers (one per core)")
    parser.add_argument("--empty", type=int, default=None, metavar="N", help="inputs that nothing is done with")
    parser.add_argument("--chunk", type=int, default=32, help="of --empty (%(default)s)")
    add_json(parser)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parent.parent), *sys.path])
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="batch-speed-") as name:
        folder = Path(name)
        if arguments.empty is not None:
            _empty(folder, arguments.empty, arguments.chunk)
            return
        make_images(folder / "one", 1)
        make_images(folder / "all", arguments.files)
        print(f"{arguments.files:,} files, {cores} cores, load before: {os.getloadavg()[0]:.1f}", flush=True)
        print("command              seconds  to begin  images/s  memory", flush=True)
        plain = _plain(folder, arguments.files)
        rate = _batch(folder, arguments.files, arguments.actors)
    results = Results()
    case = f"{arguments.files:,} small files"
    results.add("images in bulk", case, 1e3 / rate, {"vision forgery": 1e3 / plain}, unit="ms per image")
    results.write(arguments.json)
    for nodes in (1, 10, 100):
        print(f"ten million images on {nodes:3} such nodes: {MILLIONS / rate / nodes / 3600:8.1f} hours")


def _plain(folder: Path, count: int) -> float:
    times = []
    for what in ("one", "all"):
        with open(folder / f"{what}.jsonl", "wb") as output:
            seconds, memory = _timed(["forgery", str(folder / what), "--jsonl"], output.fileno())
        times.append(seconds)
    return _print("vision forgery", times, count, memory)


def _batch(folder: Path, count: int, actors: int | None) -> float:
    times = []
    options = [] if actors is None else ["--actors", str(actors)]
    for what in ("one", "all"):
        seconds, memory = _timed(
            ["batch", "forgery", str(folder / what), "--out", str(folder / f"{what}-out"), *options]
        )
        times.append(seconds)
    rows = pq.read_table(folder / "all-out", columns=["path"]).num_rows
    assert rows == count, f"{rows} rows"
    return _print("vision batch forgery", times, count, memory)


def _empty(folder: Path, count: int, chunk: int) -> None:
    from vision.batch.driver import Settings, run_batch

    marks: list[tuple[float, int]] = []
    process = psutil.Process()

    def note(outcome: Outcome) -> None:
        if outcome.done and (not marks or outcome.done > marks[-1][1]):
            marks.append((time.monotonic(), outcome.done))

    before = process.memory_info().rss
    run_batch(Nothing(count), folder / "out", Settings(chunk=chunk), note)
    (began, first), (ended, last) = marks[0], marks[-1]
    rate = (last - first) / (ended - began)
    after = process.memory_info().rss
    rows = pq.read_table(folder / "out", columns=["path"]).num_rows
    print(f"{rows:,} rows of nothing: {rate:.0f} rows and {rate / chunk:.1f} chunks per second")
    print(f"memory of the driver: {before >> 20} MiB before, {after >> 20} MiB after")


def _print(name: str, times: list[float], count: int, memory: dict[str, int]) -> float:
    begin, seconds = times
    # Where beginning is most of it, the difference of the two times says nothing.
    rate = (count - 1) / (seconds - begin) if seconds > 3 * begin else count / seconds
    peaks = ", ".join(f"{part} {size >> 20} MiB" for part, size in memory.items())
    print(f"{name:20} {seconds:8.1f} {begin:9.1f} {rate:9.1f}  {peaks}", flush=True)
    return rate


def _timed(arguments: list[str], output: int = subprocess.DEVNULL) -> tuple[float, dict[str, int]]:
    """Seconds, and peaks of memory by part, in bytes."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "vision", *arguments], stdout=output, stderr=subprocess.DEVNULL)
    peaks: dict[str, int] = defaultdict(int)
    while process.poll() is None:
        for one in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            with suppress(psutil.Error):
                line = " ".join(one.cmdline())
                part = next((part for mark, part in _PARTS.items() if mark in line), None)
                if part is not None:
                    peaks[part] = max(peaks[part], one.memory_info().rss)
        time.sleep(_LOOK_SECONDS)
    assert process.returncode in (0, 1), f"{arguments} ended with {process.returncode}"
    return time.monotonic() - began, dict(peaks)


if __name__ == "__main__":
    main()
