"""The process that speaks to Ray: when a cluster goes away, Ray ends the process that is connected to it.

The driver starts it and keeps the table, so that what was done is written, and the user gets a message, in any case.
What Ray prints ends up in a file of the state.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from vision.batch.job import Job
from vision.errors import UsageError

# Kinds of messages: the cluster is there, with its CPUs and GPUs; a row; the end of a pass; an error.
READY, ROW, DONE, ERROR = "ready", "row", "done", "error"
_LOOK_SECONDS = 5.0


def main(descriptor: int) -> None:
    """Serve the driver over a connection until it closes that, or is gone."""
    connection = Connection(descriptor)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    warnings.simplefilter("ignore")  # Ray gives arguments other names from time to time
    lock = threading.Lock()

    def send(kind: str, content: Any = None) -> None:
        with lock:
            connection.send((kind, content))

    try:
        packed, folder, state, address = connection.recv()
        _serve(connection, pickle.loads(packed), folder, state, address, send)
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the driver ended: so does the cluster
        return
    except UsageError as error:
        send(ERROR, (str(error), error.code, error.value))


def _serve(connection: Connection, job: Job, folder: Path, state: Path, address: str | None, send: Any) -> None:
    from vision.batch.cluster import connected

    with connected(address, state) as cluster:
        from vision.batch.stream import results

        threading.Thread(target=_watch, args=(cluster, send), daemon=True).start()
        send(READY, (cluster.cpus, cluster.gpus))
        while True:
            part = connection.recv()
            for row in results(job, folder, part, cluster.node()):
                send(ROW, row)
            send(DONE)


def _watch(cluster: Any, send: Any) -> None:
    """Ray would wait for a head that is gone for a minute, and then end this process without a word."""
    while True:
        time.sleep(_LOOK_SECONDS)
        try:
            cluster.check()
        except UsageError as error:
            send(ERROR, (str(error), error.code, error.value))
            os._exit(1)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
