"""The driver's end of the process that speaks to Ray."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from vision.batch.cluster import end_leftovers, gone
from vision.batch.job import Job
from vision.batch.plan import Pass
from vision.batch.ray_side import DONE, ERROR, READY, ROW
from vision.errors import UsageError

LOG = "ray.log"
_LOOK_SECONDS = 0.5
_BEGIN_SECONDS, _END_SECONDS = 180.0, 20.0


class Link:
    """A connection to the process that speaks to Ray.

    Args:
        process: that process.
        connection: to it.
        address: of the cluster, None for one of its own.
        log: what Ray says.

    Attributes:
        cpus, gpus: of the cluster.
        is_idle: whether no pass is in progress.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: Connection, address: str | None, log: Path):
        self._process, self._connection, self._address, self._log = process, connection, address, log
        self.is_idle = False
        began = time.monotonic()
        while (message := self._next()) is None:
            if time.monotonic() - began > _BEGIN_SECONDS:
                raise UsageError(
                    f"no cluster came to be within {_BEGIN_SECONDS:.0f} s; what Ray said of it is in {log}",
                    code="no-cluster",
                    value=address,
                )
        self.is_idle = True
        self.cpus, self.gpus = message[1]

    def results(self, part: Pass) -> Iterator[dict[str, Any] | None]:
        """As `vision.batch.stream.results`; None where nothing came for a while.

        Raises:
            UsageError: the cluster went away, or gave up.
        """
        self.is_idle = False
        with suppress(BrokenPipeError):
            self._connection.send(part)
        while True:
            message = self._next()
            if message is None:
                yield None
                continue
            kind, content = message
            if kind == DONE:
                self.is_idle = True
                return
            assert kind == ROW
            yield content

    def _next(self) -> tuple[str, Any] | None:
        try:
            if not self._connection.poll(_LOOK_SECONDS):
                return None
            kind, content = self._connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if kind == ERROR:
            text, code, value = content
            raise UsageError(text, code=code, value=value)
        assert kind in (READY, ROW, DONE)
        return kind, content

    def _ended(self) -> UsageError:
        error = gone(self._address)
        return UsageError(f"{error}; what Ray said of it is in {self._log}", code=error.code, value=error.value)


@contextmanager
def linked(job: Job, folder: Path, state: Path, address: str | None) -> Iterator[Link]:
    """A cluster for the block, joined or started, in a process of its own.

    Args:
        job: that is worked on.
        folder: of the table.
        state: of the folder; an own cluster is recorded there.
        address: as of `vision.batch.cluster.connected`.

    Raises:
        UsageError: the cluster cannot be started or joined.
    """
    end_leftovers(state)
    ours, theirs = Pipe()
    log = state / LOG
    paths = [os.path.abspath(path) for path in sys.path]
    # A session of its own: Ctrl-C is for the driver, which ends it.
    with ours, open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "vision.batch.ray_side", str(theirs.fileno())],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        theirs.close()
        is_idle = False
        try:
            ours.send((pickle.dumps(job), folder.absolute(), state.absolute(), address))
            link = Link(process, ours, address, log)
            yield link
            is_idle = link.is_idle
        finally:
            ours.close()
            _end(process, is_idle)
            end_leftovers(state)


def _end(process: subprocess.Popen[bytes], is_idle: bool) -> None:
    """It ends when it sees that its connection did, which it does not in the middle of a pass."""
    if not is_idle:
        process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
