"""What a folder remembers of its runs: which options they had, and that one runs now."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

from vision.batch.job import Job
from vision.errors import UsageError
from vision.files import naming, write_text

STATE = "_state"
_LOCK, _RUN = "lock", "run.json"


@contextmanager
def held(folder: Path, job: Job) -> Iterator[Path]:
    """Hold a folder against other runs; made if missing. Inside, only this process writes to it.

    Yields:
        The folder of the state.

    Raises:
        UsageError: another run holds it, it is of other options or of something else, or cannot be written to.
    """
    state = folder / STATE
    try:
        _check_ours(folder)
        state.mkdir(parents=True, exist_ok=True)
        file = open(state / _LOCK, "a+b", buffering=0)  # noqa: SIM115 (closed below)
    except OSError as error:
        raise UsageError(
            f"folder {str(folder)!r} cannot be written ({error.strerror}); choose a writable folder",
            code="unwritable-folder",
            value=str(folder),
        ) from None
    with file:
        with naming(state / _LOCK):
            _lock(file, folder)
        _check_options(state / _RUN, folder, job)
        yield state


def _lock(file: FileIO, folder: Path) -> None:
    """The system's lock on a file: it ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows, for which Ray has no release
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(200).decode(errors="replace").strip() or "another process"
        raise UsageError(
            f"{holder} is writing to {str(folder)!r}; wait for its end, or choose another folder",
            code="folder-in-use",
            value=str(folder),
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())


def _check_ours(folder: Path) -> None:
    """A folder with other things is not made a table of."""
    if (folder / STATE).is_dir() or not folder.is_dir():
        return
    visible = sorted(name for name in os.listdir(folder) if not name.startswith((".", "_")))
    if visible:
        raise UsageError(
            f"folder {str(folder)!r} has files of something else, such as {visible[0]!r}; expected a new or empty "
            "folder, or that of an earlier run",
            code="unwritable-folder",
            value=str(folder),
        )


def _check_options(path: Path, folder: Path, job: Job) -> None:
    wanted: dict[str, Any] = json.loads(json.dumps({"task": job.name, **job.options}))
    found: dict[str, Any] | None = None
    with suppress(FileNotFoundError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
    if found is None:
        write_text(path, json.dumps(wanted, indent=1) + "\n")
        return
    differing = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    if "task" in differing:
        differing = ["task"]
    if differing:
        told = ", ".join(f"{name} was {found.get(name)!r} and is {wanted.get(name)!r}" for name in differing[:4])
        raise UsageError(
            f"folder {str(folder)!r} is of a run with other options: {told}; expected the same ones, or another folder",
            code="other-options",
            value=differing[0],
        )
