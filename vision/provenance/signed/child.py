"""Runs `worker.py`, in which the C2PA library reads a stranger's file, and waits for its answer, not forever."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from vision.provenance.signed.trust import TIME_STAMPS

MEMORY = 1 << 30  # bytes, and three times the file, of which a gigabyte counts
SECONDS = 20.0  # and a second for each 20 MB of the file
MAX_ANSWER = 16 << 20
_WORKER = Path(__file__).with_name("worker.py")


def library_folder() -> Path | None:
    """Where the package c2pa lies; None where it is not installed or no Python can be started."""
    if getattr(sys, "frozen", False) or not sys.executable:
        return None
    try:
        found = importlib.util.find_spec("c2pa")
    except (ImportError, ValueError):
        return None
    return Path(found.origin).resolve().parent if found is not None and found.origin else None


def validate(path: str | os.PathLike[str], media_type: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What the library says of a file's manifest store.

    Args:
        path: of a regular file.
        media_type: that `find_store` told.
        settings: of the library.

    Returns:
        As `worker.py` prints it: `state` and more, or `error`, or `unusable` where the library does not load. `stopped`
        where it crashed, or took more memory or time than it may.
    """
    library = library_folder()
    if library is None:
        return {"unusable": "c2pa-python is not installed"}
    size = os.path.getsize(path)
    seconds = SECONDS + size / 20e6
    request: dict[str, Any] = {"library": str(library.parent), "path": os.path.abspath(path), "media_type": media_type}
    request |= {
        "settings": settings,
        "time_stamps": TIME_STAMPS,
        "memory": MEMORY + 3 * min(size, 1 << 30),
        "seconds": int(2 * seconds),
    }
    return _answer(json.dumps(request).encode(), library, seconds)


def _answer(request: bytes, library: Path, seconds: float) -> dict[str, Any]:
    import subprocess  # slow to import, and most files have no manifest store

    # The library looks for its native part in the current folder first, and where a variable says: a picture's
    # folder may hold a stranger's code.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("C2PA_")}
    # Each thread takes address space, of which there is little, by the number of cores.
    environment |= {"RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=library / "libs" if (library / "libs").is_dir() else library,
        env=environment,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    assert process.stdin is not None and process.stdout is not None
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    with process:
        try:
            with contextlib.suppress(OSError):  # it ended early
                process.stdin.write(request)
            with contextlib.suppress(OSError):
                process.stdin.close()
            data = process.stdout.read(MAX_ANSWER + 1)
        finally:
            timer.cancel()
            process.kill()  # it has said all, or too much
    if is_late.is_set():
        return {"stopped": f"validation did not end within {seconds:.0f} seconds"}
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return {"stopped": "the C2PA library gave up: it crashed, or needed more memory than it may have"}
    return answer if isinstance(answer, dict) else {}
