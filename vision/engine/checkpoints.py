"""Checkpoints of a training: which one to go on from, and none deleted before the next one is whole."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from vision.checkpoint import check_archive
from vision.engine.compat import allow_mmengine_checkpoints
from vision.engine.progress import Progress
from vision.engine.random_state import random_states
from vision.errors import UsageError

POINTER = "last_checkpoint"
# Of a training that was told to end, between two numbered ones.
INTERRUPTED = "interrupted.pth"
# epoch_12.pth, iter_5000.pth, but not best_accuracy_top1_epoch_12.pth.
_NUMBERED = re.compile(r"^(?!best_).*?(\d+)\.pth$")


def newest_checkpoint(*folders: str | Path) -> str | None:
    """The checkpoint to resume from: what mmengine's pointer names if that is whole, else the newest whole one there.

    Args:
        folders: the work directory, then others that hold its checkpoints.

    Returns:
        Its path; None where the folders hold no checkpoint.

    Raises:
        UsageError: there are checkpoints, but none is whole.
    """
    existing = [Path(folder) for folder in folders if Path(folder).is_dir()]
    named = _pointed_at(existing[0] / POINTER) if existing else ""
    if "://" in named:
        return named
    numbered = [
        (int(match[1]), path.stat().st_mtime_ns, path)
        for folder in existing
        for path in folder.iterdir()
        if (match := _NUMBERED.match(path.name)) and path.is_file()
    ]
    # A work directory that was moved keeps the path that it had.
    pointed = [path for path in (Path(named), *(folder / Path(named).name for folder in existing)) if path.is_file()]
    others = [path for *_, path in sorted(numbered, reverse=True)]
    for folder in existing:
        if (path := folder / INTERRUPTED).is_file():
            is_newer = not others or path.stat().st_mtime_ns >= others[0].stat().st_mtime_ns
            others.insert(0 if is_newer else 1, path)
    candidates = list(dict.fromkeys([*pointed[:1], *others]))
    for path in candidates:
        if is_whole(path):
            return str(path)
    if candidates:
        raise UsageError(
            f"nothing to resume from: none of the checkpoints in {existing[0]} can be read "
            f"({', '.join(path.name for path in candidates[:3])}); delete them to start anew",
            code="bad-checkpoint",
            value=str(candidates[0]),
        )
    return None


def is_whole(path: str | Path) -> bool:
    """Whether a file is a training checkpoint of mmengine that can be read from its first to its last byte."""
    allow_mmengine_checkpoints()
    try:
        check_archive(Path(path))
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # torch raises what it likes on damaged files
        return False
    return isinstance(content, dict) and {"state_dict", "meta"} <= set(content)


def resumable(runner: Runner, meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint's `meta` says besides mmengine's, so that any number of processes may go on from it.

    Every process of the group must call this.

    Args:
        runner: that trains.
        meta: with its `epoch` and `iter`.
    """
    progress = Progress.of(runner.train_loop, meta["epoch"], meta["iter"])
    return {"progress": progress.to_meta(), "random_states": random_states()}


class KeepingCheckpointHook(CheckpointHook):
    """mmengine's hook, which deletes the checkpoints that have become too many after the new one is written.

    A checkpoint also says where its training stood in its data and in its random numbers.
    """

    file_backend: Any

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        with self._deleting_afterwards():
            super()._save_checkpoint_with_step(runner, step, {**meta, **resumable(runner, meta)})

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        with self._deleting_afterwards():
            super()._save_best_checkpoint(runner, metrics)

    @contextlib.contextmanager
    def _deleting_afterwards(self) -> Iterator[None]:
        backend = self.file_backend
        if isinstance(backend, _Postponing):
            yield
            return
        self.file_backend = _Postponing(backend)
        try:
            yield
            self.file_backend.delete()
        finally:
            self.file_backend = backend


class _Postponing:
    """A file backend whose deletions wait until `delete`; a file that was written anew in between stays."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._waiting: list[tuple[Callable[[str], None], str, object]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self._waiting.append((self._backend.remove, path, _identity(path)))

    def rmtree(self, path: str) -> None:
        self._waiting.append((self._backend.rmtree, path, _identity(path)))

    def delete(self) -> None:
        for delete, path, identity in self._waiting:
            if _identity(path) == identity:
                delete(path)


def _identity(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError:  # of another file system, or gone
        return None
    return status.st_ino, status.st_mtime_ns


def _pointed_at(pointer: Path) -> str:
    try:
        return pointer.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
