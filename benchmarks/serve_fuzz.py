"""Damaged requests to `vision serve`, on this machine alone: each has to be answered or ended, and none to do harm.

    .venv/bin/python benchmarks/serve_fuzz.py
    .venv/bin/python benchmarks/serve_fuzz.py --requests 1000 --seed 7
    .venv/bin/python benchmarks/serve_fuzz.py --only 4711           # one request again, with its answer

A server is started for it, with page, API and the real models. Between the damaged requests good ones have to be
answered rightly. Exit code 1: an answer was wrong, was cut off or did not come; the server failed, ended, grew or left
a file behind.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.serve_damage import Damaged, damaged, good_image
from benchmarks.serve_process import Server, serving

CLIENTS = 6
GOOD = 40  # one of so many requests is a good one
PATIENT = 250  # one of so many waits until the server ends it
HASTE_SECONDS = 0.5  # after which the others say that nothing more comes
BOUND_SECONDS = 60.0
GROWTH = 0.05  # of the memory after a quarter of the requests
SHOWN = 20
ARGUMENTS = ("--max-pixels", "1000000", "--max-upload", "1000000", "--timeout", "15")


class Fuzz:
    """Sends damaged requests and keeps what came of them.

    Args:
        server: that they go to.
        seed: of the requests.
    """

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self.seed = server, seed
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._probability: float | None = None

    def send_until(self, requests: int) -> None:
        """Requests from several clients at once, up to that number."""

        def send() -> None:
            while (number := next(self._numbers)) < requests:
                self.send(number)

        threads = [threading.Thread(target=send) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._numbers = itertools.count(requests)

    def send(self, number: int) -> bytes:
        """The request of that number; the body of its answer."""
        if number % GOOD == 0:
            self._send_good(number)
        request = damaged(self.seed, number)
        began = time.monotonic()
        try:
            outcome, body = self._outcome(request, number % PATIENT == PATIENT - 1)
        except OSError as error:
            outcome, body = f"no connection: {error}", b""
        with self._lock:
            self.outcomes[request.kind, outcome] += 1
        fault = _fault(request, outcome, body)
        if time.monotonic() - began > BOUND_SECONDS:
            fault = f"it took {time.monotonic() - began:.0f} s"
        if fault:
            self._report(f"request {number} ({request.kind}): {fault}")
        return body

    def _outcome(self, request: Damaged, is_patient: bool) -> tuple[str, bytes]:
        """Status and body, or how the connection ended."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=BOUND_SECONDS) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(request.data)
            try:
                if not (request.is_whole or is_patient):
                    _hurry(connection)
                response = http.client.HTTPResponse(connection, method=request.method)
                response.begin()
                if response.getheader("content-type", "").startswith("text/event-stream"):
                    return f"{response.status} stream", b""
                return str(response.status), response.read()
            except TimeoutError:
                return "no end", b""
            except http.client.IncompleteRead:
                return "cut off", b""
            except (ConnectionError, http.client.RemoteDisconnected):
                return "closed", b""
            except http.client.HTTPException as error:
                return f"no HTTP: {type(error).__name__}", b""

    def _send_good(self, number: int) -> None:
        name = f"good-{number}.png"
        try:
            alive, _ = self.server.request("GET", "/healthz")
            status, body = self.server.judge(name, good_image())
            record = json.loads(body)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._report(f"a good request before {number}: {error!r}")
            return
        with self._lock:
            self.outcomes["good", str(status)] += 1
            if self._probability is None and status == 200:
                self._probability = record["probability"]
        if alive != 200 or status not in (200, 429):
            self._report(f"a good request before {number}: {alive}, {status} {body[:200]!r}")
        elif status == 200 and (record["path"] != name or abs(record["probability"] - self._probability) > 1e-3):
            self._report(f"a good request before {number} has another's answer: {body[:200]!r}")

    def _report(self, fault: str) -> None:
        with self._lock:
            self.faults.append(fault)


def main() -> int:
    """Run what the arguments name; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="send this request alone, and print it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with serving(*ARGUMENTS, temporary=Path(folder)) as server:
            fuzz = Fuzz(server, options.seed)
            if options.only is not None:
                print(damaged(options.seed, options.only).data[:4000])
                print(fuzz.send(options.only)[:4000])
            else:
                _run(fuzz, options.requests)
            log = server.log.read_text(errors="replace")
        left = [path for path in Path(folder).rglob("*") if path.is_file() or path.name.startswith("vision-serve-")]
        fuzz.faults += [f"left behind: {path}" for path in left]
    return _told(fuzz, log)


def _run(fuzz: Fuzz, requests: int) -> None:
    began, memory = time.monotonic(), []
    for part in range(4):
        fuzz.send_until(requests * (part + 1) // 4)
        memory.append(fuzz.server.memory())
        print(f"after {requests * (part + 1) // 4} requests: {memory[-1] / 1e6:.1f} MB", flush=True)
    print(f"{requests} requests in {time.monotonic() - began:.0f} s")
    if memory[-1] > memory[0] * (1 + GROWTH):
        fuzz.faults.append("the memory grew")


def _told(fuzz: Fuzz, log: str) -> int:
    print("\n| kind | outcomes |\n|---|---|")
    for kind in sorted({kind for kind, _ in fuzz.outcomes}):
        counts = sorted((name, count) for (other, name), count in fuzz.outcomes.items() if other == kind)
        print(f"| {kind} | {', '.join(f'{count} x {name}' for name, count in counts)} |")
    print(f"\nwrong: {len(fuzz.faults) or 'nothing'}")
    for fault in fuzz.faults[:SHOWN]:
        print(f"  {fault}")
    if fuzz.faults:
        print("\n".join(line for line in log.splitlines() if not line.startswith(("{", "WARNING")))[-40000:])
    return int(bool(fuzz.faults))


def _fault(request: Damaged, outcome: str, body: bytes) -> str:
    """What is wrong with an outcome; empty if nothing is."""
    if b"root:x:0:" in body:
        return "it got a file of this machine"
    if outcome[:1] == "5" and outcome != "503":
        return f"{outcome}, {body[:200]!r}"
    if request.is_whole and not outcome[:1].isdigit():
        return f"it was not answered: {outcome}"
    if not outcome[:1].isdigit() and outcome != "closed":
        return outcome
    if outcome == "200" and request.name:
        record = json.loads(body)
        shown = record.get("path", record.get("left"))
        if shown != request.name:
            return f"another's answer: {shown!r}"
    return ""


def _hurry(connection: socket.socket) -> None:
    """Say that nothing more comes, if the server seems to wait for it."""
    connection.settimeout(HASTE_SECONDS)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
    connection.settimeout(BOUND_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
