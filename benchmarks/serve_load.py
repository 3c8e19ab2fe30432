"""Load on `vision serve`, on this machine alone: more requests than it can take, then what was lost, and the memory.

    .venv/bin/python benchmarks/serve_load.py                       # twice its capacity for two minutes
    .venv/bin/python benchmarks/serve_load.py --requests 2000       # by four clients: does the memory grow?

A server is started for it, with the real detector. Each request has a file name of its own, which its answer has to
bring back; one of ten files is no image. Exit code 1: something was lost, mixed up, or grew.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
import threading
import time
from collections import Counter

import numpy as np
from PIL import Image

from benchmarks.serve_process import Server, serving

BROKEN = 10  # one of so many files is no image
CAPACITY_SECONDS = 15.0
MAX_THREADS = 64
GROWTH = 0.05  # of the memory after a quarter of the requests


class Load:
    """Sends requests and keeps what came of them.

    Args:
        server: that they go to.
        size: of the images, in pixels of a side.
    """

    def __init__(self, server: Server, size: int) -> None:
        self.server = server
        rng = np.random.default_rng(0)
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(file, "JPEG", quality=90)
        self.image = file.getvalue()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget what came so far."""
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []  # of requests that were judged

    def send(self) -> None:
        """One request, and its answer."""
        number = next(self._numbers)
        is_broken = number % BROKEN == BROKEN - 1
        name = f"image-{number}.jpg"
        began = time.perf_counter()
        try:
            status, record = self.server.judge(name, b"no image" if is_broken else self.image)
        except OSError as error:
            outcome = type(error).__name__
        else:
            outcome = str(status)
            if status == 200 and json.loads(record)["path"] != name:
                outcome = "another user's answer"
            if (status == 200 and is_broken) or (status == 422 and not is_broken):
                outcome = "a wrong answer"
        with self._lock:
            self.statuses[outcome] += 1
            if outcome == "200":
                self.seconds.append(time.perf_counter() - began)


def main() -> int:
    """Run what the arguments name; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of overload (%(default)g)")
    parser.add_argument("--factor", type=float, default=2.0, help="of the capacity (%(default)g)")
    parser.add_argument("--requests", type=int, help="instead: so many requests by four clients, and the memory")
    parser.add_argument("--size", type=int, default=256, help="side of the images in pixels (%(default)s)")
    options = parser.parse_args()
    with serving("--only", "forgery") as server:
        load = Load(server, options.size)
        if options.requests is not None:
            return _soak(load, options.requests)
        return _overload(load, options.seconds, options.factor)


def _overload(load: Load, seconds: float, factor: float) -> int:
    _together(load, 4, time.monotonic() + CAPACITY_SECONDS)
    rate = load.statuses["200"] / CAPACITY_SECONDS
    print(f"capacity: {rate:.2f} images judged per second, with 4 clients")
    load.clear()
    before = load.server.memory()
    sent = 0
    threads: list[threading.Thread] = []
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        threads = [thread for thread in threads if thread.is_alive()]
        if sent < now * factor * rate and len(threads) < MAX_THREADS:
            thread = threading.Thread(target=load.send)
            thread.start()
            threads.append(thread)
            sent += 1
        else:
            time.sleep(0.002)
    for thread in threads:
        thread.join(180)
    after = load.server.memory()
    print(f"sent: {sent} in {seconds:g} s, {sent / seconds / rate:.2f} times the capacity")
    return _told(load, sent, before, after, 0.25) or int(load.server.figure("vision_queue_length") != 0)


def _soak(load: Load, requests: int) -> int:
    quarter = requests // 4
    memory = []
    for part in range(4):
        _together(load, 4, None, quarter)
        memory.append(load.server.memory())
        print(f"after {quarter * (part + 1)} requests: {memory[-1] / 1e6:.1f} MB")
    return _told(load, 4 * quarter, memory[0], memory[-1], GROWTH)


def _told(load: Load, sent: int, before: float, after: float, growth: float) -> int:
    answered = sum(load.statuses.values())
    wrong = {name: count for name, count in load.statuses.items() if name not in ("200", "422", "429")}
    print(f"answers: {', '.join(f'{count} x {name}' for name, count in sorted(load.statuses.items()))}")
    p50, p99 = np.percentile(load.seconds, [50, 99])
    print(f"judged: p50 {p50:.2f} s, p99 {p99:.2f} s")
    print(f"memory: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")
    faults = [f"{sent - answered} were lost"] * (answered != sent) + [f"{wrong}"] * bool(wrong)
    faults += ["the memory grew"] * (after > before * (1 + growth))
    print(f"wrong: {'; '.join(faults) or 'nothing'}")
    return int(bool(faults))


def _together(load: Load, clients: int, until: float | None, requests: int = 0) -> None:
    """Requests one after another from several clients: until then, or so many in all."""
    left = itertools.count()

    def send() -> None:
        while time.monotonic() < until if until is not None else next(left) < requests:
            load.send()

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
