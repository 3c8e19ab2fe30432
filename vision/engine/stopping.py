"""A training that is told to end saves a checkpoint first: what a cluster asks before it takes a machine away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import distributed

from vision.engine.checkpoints import INTERRUPTED, POINTER, resumable
from vision.files import write_text

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class TrainingStopped(Exception):
    """The training was told to end, and a checkpoint of all that it had done stands."""


@contextmanager
def listening() -> Iterator[threading.Event]:
    """Within the block SIGTERM and SIGUSR1 set the event, and do nothing else.

    A thread beside the main one may not listen: there the event is never set.
    """
    told = threading.Event()
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, lambda *_: told.set()) for number in SIGNALS if is_main}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopHook(Hook):
    """Saves a checkpoint behind the step in which any process was told to end, and ends the training.

    All processes end behind the same step. They ask each other beside the training: what one step asks is answered in
    the next, so none waits for it. The file has always the same name, and the pointer to the newest checkpoint leads
    to it until the training goes on and saves the next.

    Args:
        told: set when this process is told to end.
    """

    priority = "LOWEST"  # behind what changes rates, averages and checkpoints

    def __init__(self, told: threading.Event) -> None:
        self._told = told
        self._group: Any = None
        self._asked: tuple[Any, torch.Tensor] | None = None

    def before_train(self, runner: Runner) -> None:
        """Have a group on the CPU, where no step of a GPU is waited for."""
        if get_world_size() > 1:
            self._group = distributed.new_group(backend="gloo")

    def after_train_iter(self, runner: Runner, *args: Any, **options: Any) -> None:
        """End here, if any process was told to.

        Raises:
            TrainingStopped: on all processes.
        """
        if not self._any_was_told():
            return
        meta = {"epoch": runner.epoch, "iter": runner.iter + 1}
        meta |= resumable(runner, meta)
        runner.save_checkpoint(runner.work_dir, INTERRUPTED, meta=meta, by_epoch=False)
        path = Path(runner.work_dir, INTERRUPTED)
        if is_main_process():
            write_text(Path(runner.work_dir, POINTER), str(path))
        barrier()  # none ends, and has the others ended for it, before the file is written
        raise TrainingStopped(f"told to end: saved {path} at iteration {meta['iter']}; resume goes on from it")

    def after_train(self, runner: Runner) -> None:
        """Wait for what was asked last, so that no thread is left with it."""
        self._answer()

    def _any_was_told(self) -> bool:
        if self._group is None:
            return self._told.is_set()
        if self._answer():
            return True
        flag = torch.tensor(int(self._told.is_set()))
        self._asked = (distributed.all_reduce(flag, distributed.ReduceOp.MAX, self._group, async_op=True), flag)
        return False

    def _answer(self) -> bool:
        """Whether any process had been told when this was last asked."""
        if self._asked is None:
            return False
        work, flag = self._asked
        self._asked = None
        work.wait()
        return bool(flag)
