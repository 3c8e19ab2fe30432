"""The cluster of Ray that a batch runs on: its own, on this machine alone, or one that somebody else keeps."""

from __future__ import annotations

import importlib
import json
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from vision.errors import UsageError
from vision.files import write_text

RECORD = "cluster.json"
# Of the loopback network: no other machine reaches it. Ray takes 127.0.0.1 for "whatever address this machine has".
_LOOPBACK = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
_LEAST_STORE, _MOST_STORE = 80 << 20, 512 << 20
_LOOKS, _LOOK_SECONDS = 3, 2.0
_ANSWER_SECONDS = 10.0
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",  # a small /dev/shm, as containers have it
    "RAY_AUTH_MODE": "token",
}


class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        address: that was given, None for one of its own.
        cpus, gpus: of all of its nodes that are alive.
    """

    def __init__(self, ray: Any, address: str | None) -> None:
        self._ray, self.address = ray, address
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        total = ray.cluster_resources()
        self.cpus, self.gpus = float(total.get("CPU", 0)), float(total.get("GPU", 0))

    def node(self) -> Any:
        """Where this process runs: the strategy by which Ray puts a task there."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)

    def check(self) -> None:
        """Look whether the cluster's head answers.

        Raises:
            UsageError: it does not.
        """
        for look in range(_LOOKS):
            with suppress(OSError), socket.create_connection(self._head, timeout=_LOOK_SECONDS):
                return
            if look < _LOOKS - 1:
                time.sleep(_LOOK_SECONDS)
        raise gone(self.address)


def gone(address: str | None) -> UsageError:
    """The error of a cluster that went away while it was needed."""
    name = "the cluster of this run" if address is None else f"the cluster at {address!r}"
    return UsageError(
        f"{name} went away; what was done is in the folder, and the same command does the rest",
        code="cluster-gone",
        value=address,
    )


@contextmanager
def connected(address: str | None, state: Path, cpus: int | None = None) -> Iterator[Cluster]:
    """Connect to a cluster, or start one for the block.

    Args:
        address: "auto" or HOST:PORT of a cluster, which is left as it is at the end; None starts one.
        state: folder where the processes of an own cluster are recorded, for `end_leftovers`.
        cpus: of an own cluster; None takes those that this process may use.

    Raises:
        UsageError: Ray is not installed, or the cluster cannot be started or joined.
    """
    ray = _ray()
    cluster = _joined(ray, address) if address is not None else _started(ray, state, cpus)
    try:
        yield cluster
    finally:
        ray.shutdown()


def end_leftovers(state: Path) -> None:
    """End what is recorded of an own cluster and still runs: these processes, told by their ids and starting times."""
    record = state / RECORD
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if found.get("boot") == _boot():
        left = [process for identity in found["processes"] for process in _still(identity)]
        left += [child for process in left for child in _children(process)]
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=5)
        shutil.rmtree(found["folder"], ignore_errors=True)
    record.unlink(missing_ok=True)


def _started(ray: Any, state: Path, cpus: int | None) -> Cluster:
    folder = tempfile.mkdtemp(prefix="vision-ray-")  # a short name: sockets below it allow 107 bytes
    me = psutil.Process()
    before = {process.pid for process in _children(me)}
    _record(state, folder, [])
    quiet = _QUIET | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with _environment(quiet):
        forget_token()
        try:
            ray.init(
                address="local",
                num_cpus=cpus or _own_cpus(),
                object_store_memory=_store_memory(),
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=folder,
                _node_ip_address=_LOOPBACK,
            )
        except BaseException as error:  # also an end that was asked for: what has begun is nobody's otherwise
            _record(state, folder, [process for process in _children(me) if process.pid not in before])
            end_leftovers(state)
            if not isinstance(error, Exception):
                raise
            raise _no_cluster(None, error) from None
    _record(state, folder, [process for process in _children(me) if process.pid not in before])
    return Cluster(ray, None)


def _joined(ray: Any, address: str) -> Cluster:
    if "://" in address:
        raise UsageError(
            f"the address of the cluster is {address!r}; expected 'auto' or HOST:PORT, on a machine of the cluster: "
            "inputs are listed and rows are written where the command runs",
            code="no-cluster",
            value=address,
        )
    if address != "auto":
        _check_answers(address)
    with _environment({"RAY_USAGE_STATS_ENABLED": "0"}):
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            raise _no_cluster(address, error) from None
    return Cluster(ray, address)


def _check_answers(address: str) -> None:
    """Ray would try for many minutes to reach what is not there."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, error) from None


def _ray() -> Any:
    try:
        with _environment({"RAY_USAGE_STATS_ENABLED": "0"}):
            import ray
            import ray.data
    except ImportError as error:
        raise UsageError(
            f"batches need {error.name or 'ray'}; pip install 'neighborhood-vision[ray]'",
            code="missing-package",
            value=error.name,
        ) from None
    return ray


def _no_cluster(address: str | None, error: Exception) -> UsageError:
    detail = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    what = (
        "a cluster cannot be started on this machine; expected some free memory and disk"
        if address is None
        else f"no cluster can be joined at {address!r}; expected the address of one that runs, and its token"
    )
    return UsageError(f"{what} ({detail})", code="no-cluster", value=address)


def _own_cpus() -> int:
    """Those that this process may use, which in a container are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _store_memory() -> int:
    """Rows are small: a little shared memory is enough, and less than half of what is free."""
    try:
        free = shutil.disk_usage("/dev/shm").free
    except OSError:
        free = psutil.virtual_memory().available
    return max(_LEAST_STORE, min(_MOST_STORE, free // 2, psutil.virtual_memory().available // 8))


def _record(state: Path, folder: str, processes: list[psutil.Process]) -> None:
    identities = []
    for process in processes:
        with suppress(psutil.Error):
            identities.append([process.pid, process.create_time()])
    about = {"boot": _boot(), "folder": folder, "processes": identities}
    write_text(state / RECORD, json.dumps(about) + "\n")


def _boot() -> list[str]:
    """The machine and its start: ids of processes mean nothing on another one, or after the next."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return [socket.gethostname(), boot.read_text().strip() if boot.exists() else str(int(psutil.boot_time()))]


def _still(identity: list[Any]) -> list[psutil.Process]:
    pid, began = identity
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if abs(process.create_time() - began) < 0.02:
            return [process]
    return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(process.children(recursive=True))
    return []


def forget_token() -> None:
    """Ray reads its mode and its token when it is imported, and keeps them; an own cluster has a token of its own."""
    with suppress(ImportError, AttributeError):
        inside: Any = importlib.import_module("ray._raylet")  # not part of Ray's public interface
        inside.Config.initialize("")
        inside.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that Ray reads when it starts; a user's own stay."""
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
