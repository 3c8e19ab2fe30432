"""Kills workers, nodes and drivers of `vision batch` at random moments and counts: each path has exactly one row.

Two node processes on this machine, and drivers that join them. Rounds of a fresh folder go on until each kind was
killed as often as wanted; the table is read in between, as it can be at any time.

    python benchmarks/batch_kills.py --files 2000 --kills 4
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from benchmarks.batch_files import DAMAGED_EACH, make_images

KINDS = ("worker", "node", "driver")
_LONGEST = 900.0  # seconds of one driver


def main() -> int:
    """Run rounds, print a table, and fail where a path has no row or two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="of one round (%(default)s)")
    parser.add_argument("--kills", type=int, default=4, help="of each kind (%(default)s)")
    parser.add_argument("--pause", type=float, nargs=2, default=(2.0, 12.0), help="seconds between kills (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    # Before Ray is imported: it reads them then. The drivers inherit them.
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parent.parent), *sys.path])
    chance = random.Random(arguments.seed)
    left = Counter(dict.fromkeys(KINDS, arguments.kills))
    print("round  kills (worker node driver)  rows  errors  twice  missing  reads  seconds", flush=True)
    with tempfile.TemporaryDirectory(prefix="batch-kills-") as folder:
        paths = make_images(Path(folder, "images"), arguments.files)
        cluster = TwoNodes()
        try:
            number = 0
            while left.total():
                number += 1
                round_ = Round(cluster, Path(folder, "images"), Path(folder, f"out{number}"), chance, arguments.pause)
                round_.run(left)
                if not round_.report(number, paths):
                    return 1
        finally:
            cluster.end()
    return 0


class TwoNodes:
    """A head and a second node, each a raylet of its own."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        arguments = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=arguments)
        self._second = self._cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        self.address: str = self._cluster.address

    def kill_node(self) -> None:
        """The second node dies without a word; another one takes its place."""
        self._cluster.remove_node(self._second, allow_graceful=False)
        time.sleep(1)
        self._second = self._cluster.add_node(num_cpus=1, object_store_memory=100 << 20)

    def workers(self) -> list[psutil.Process]:
        """Processes that hold a model or list files."""
        found = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if process.cmdline() and process.cmdline()[0].startswith(("ray::Map", "ray::Read")):
                    found.append(process)
        return found

    def end(self) -> None:
        """End both."""
        self._cluster.shutdown()


class Round:
    """One table, from nothing to its last row."""

    def __init__(self, cluster: TwoNodes, images: Path, out: Path, chance: random.Random, pause: Any) -> None:
        self._cluster, self._images, self._out, self._chance, self._pause = cluster, images, out, chance, pause
        self._kills: Counter[str] = Counter()
        self._reads = 0
        self._began = time.monotonic()

    def run(self, left: Counter[str]) -> None:
        """Start drivers until one ends by itself."""
        while True:
            driver = subprocess.Popen(self._command(), stderr=subprocess.PIPE, text=True)
            began = time.monotonic()
            try:
                while driver.poll() is None and time.monotonic() - began < _LONGEST:
                    self._wait(driver)
                    self._read()
                    if left.total() and driver.poll() is None:
                        self._kill(driver, left)
            finally:
                was_alive = driver.poll() is None
                driver.kill()
                _, errors = driver.communicate()
            if was_alive:
                raise SystemExit(f"a driver did not end in {_LONGEST:.0f} s")
            if driver.returncode in (0, 1):
                print(f"       {errors.strip().splitlines()[-1]}", flush=True)
                return
            if driver.returncode != -9:
                raise SystemExit(f"a driver ended with {driver.returncode}:\n{errors}")

    def report(self, number: int, paths: list[Path]) -> bool:
        """A line about the round; whether each path has exactly one row."""
        table = pq.read_table(self._out, columns=["path", "error"])
        rows = Counter(table["path"].to_pylist())
        errors = table.num_rows - table["error"].null_count
        wanted = {str(path) for path in paths}
        missing, twice = wanted - set(rows), sum(count > 1 for count in rows.values())
        kills = " ".join(str(self._kills[kind]) for kind in KINDS)
        seconds = time.monotonic() - self._began
        figures = f"{table.num_rows}  {errors}  {twice}  {len(missing)}  {self._reads}  {seconds:.0f}"
        print(f"{number:5}  {kills:>26}  {figures}", flush=True)
        return set(rows) == wanted and not twice and errors == len(paths) // DAMAGED_EACH

    def _command(self) -> list[str]:
        options = ["--out", str(self._out), "--ray", self._cluster.address, "--chunk", "8"]
        return [sys.executable, "-m", "vision", "batch", "forgery", str(self._images), *options]

    def _wait(self, driver: subprocess.Popen[str]) -> None:
        with suppress(subprocess.TimeoutExpired):
            driver.wait(self._chance.uniform(*self._pause))

    def _read(self) -> None:
        if any(self._out.glob("part-*")):
            paths = pq.read_table(self._out, columns=["path"])["path"].to_pylist()
            assert len(paths) == len(set(paths)), "a path has two rows"
            self._reads += 1

    def _kill(self, driver: subprocess.Popen[str], left: Counter[str]) -> None:
        kind = self._chance.choice([kind for kind in KINDS if left[kind]])
        if kind == "driver":
            driver.kill()
            driver.wait()
        elif kind == "node":
            self._cluster.kill_node()
        else:
            workers = self._cluster.workers()
            if not workers:
                return
            self._chance.choice(workers).kill()
        left[kind] -= 1
        self._kills[kind] += 1


if __name__ == "__main__":
    sys.exit(main())
