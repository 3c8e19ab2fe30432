"""Files of users: in folders that nobody else may read, under names of our own, and only for a while."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

from vision.errors import printable
from vision.images import IMAGE_SUFFIXES

MAX_NAME = 120  # characters of a name that is shown
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts"})
_PREFIX = "vision-serve-"


class Uploads:
    """A folder of this process under the system's temporary directory, with a folder for each request.

    Args:
        keep_seconds: after which the folder of a request is removed, wherever its request is; all are at exit.
    """

    def __init__(self, keep_seconds: float) -> None:
        self.keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._root: Path | None = None
        self._until: dict[Path, float] = {}
        self._end = threading.Event()
        atexit.register(self.close)

    def folder(self) -> Path:
        """A new empty folder, mode 0700."""
        with self._lock:
            if self._root is None:
                _remove_leftovers()
                self._root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
                threading.Thread(target=self._sweep_often, name="uploads", daemon=True).start()
            folder = Path(tempfile.mkdtemp(dir=self._root))
            self._until[folder] = time.monotonic() + self.keep_seconds
        return folder

    def keep(self, folder: Path) -> None:
        """Let the time of a folder begin anew; nothing happens if it is gone."""
        with self._lock:
            if folder in self._until:
                self._until[folder] = time.monotonic() + self.keep_seconds

    def remove(self, folder: Path) -> None:
        """Remove the folder of a request that is done with it."""
        with self._lock:
            self._until.pop(folder, None)
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the folders whose time is over."""
        now = time.monotonic()
        with self._lock:
            old = [folder for folder, until in self._until.items() if until <= now]
        for folder in old:
            self.remove(folder)

    def close(self) -> None:
        """Remove all folders."""
        self._end.set()
        atexit.unregister(self.close)
        with self._lock:
            root, self._root = self._root, None
            self._until.clear()
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)

    def _sweep_often(self) -> None:
        while not self._end.wait(min(60.0, max(0.1, self.keep_seconds / 4))):
            self.sweep()


def safe_name(stem: str, filename: str | None) -> str:
    """A name of ours for a file of a user: only a suffix of a known kind is taken over."""
    suffix = os.path.splitext(filename or "")[1].lower()
    return stem + (suffix if suffix in {*IMAGE_SUFFIXES, *VIDEO_SUFFIXES} else "")


def shown_name(filename: str | None, instead: str) -> str:
    """The last part of a name that a user gave, without control characters, for results; `instead` if it is empty."""
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    return printable(name)[:MAX_NAME] or instead


def _remove_leftovers() -> None:
    """What processes of this user left behind that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        number = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdigit() and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)
            except OSError:
                continue
