"""Schedules that end before the training does, found before its first step; schedules brought to where it goes on."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler
from mmengine.runner import EpochBasedTrainLoop

from vision.errors import UsageError


def check_schedules(schedulers: Any, loop: Any) -> list[str]:
    """Count the steps that are left and see that every schedule lasts as long.

    Args:
        schedulers: of the Runner: a list, or one list per optimizer, or None.
        loop: its train loop, where a resumed training stands.

    Returns:
        Warnings of schedules that go on, but not as meant: a cosine rises again behind its end.

    Raises:
        UsageError: a schedule would stop the training, as one cycle does behind its last step.
    """
    found = []
    for scheduler in _flat(schedulers):
        kind = type(scheduler).__name__
        unit = "epochs" if scheduler.by_epoch else "iterations"
        length = loop.max_epochs if scheduler.by_epoch else loop.max_iters
        last = _last_step(scheduler, length - (loop.epoch if scheduler.by_epoch else loop.iter))
        total, half = getattr(scheduler, "total_steps", None), getattr(scheduler, "T_max", None)
        if isinstance(total, int) and last > total:
            raise UsageError(
                f"the training goes on for {length} {unit}, but its {kind} ends after {total}: give both one length "
                "(total_steps of the param_scheduler); a training that goes on from a checkpoint keeps the "
                "checkpoint's schedule, so take its weights alone for a longer one (load_from without resume)",
                code="bad-config",
                value=str(total),
            )
        if isinstance(half, int) and last > half:
            found.append(
                f"{kind} has fallen after {half} {unit} and rises again: the training goes on for {length} "
                "(T_max and end of the param_scheduler)"
            )
    return found


class FreshSchedules:
    """Schedules and rates as the config has them, kept while a checkpoint's are loaded.

    Args:
        schedulers: of the Runner: a list, or one list per optimizer, or None.
        optimizers: that they change.
    """

    def __init__(self, schedulers: Any, optimizers: Iterable[Any]) -> None:
        self.schedulers, self.optimizers = list(_flat(schedulers)), list(optimizers)
        self._states = [copy.deepcopy(scheduler.state_dict()) for scheduler in self.schedulers]
        self._groups = [
            [{name: copy.deepcopy(value) for name, value in group.items() if name != "params"} for group in groups]
            for groups in (optimizer.param_groups for optimizer in self.optimizers)
        ]

    @property
    def count_iterations(self) -> bool:
        """Whether a schedule depends on the number of iterations."""
        return any(not scheduler.by_epoch for scheduler in self.schedulers)

    @property
    def can_replay(self) -> bool:
        """Whether no schedule depends on what the training has measured."""
        return not any(isinstance(scheduler, ReduceOnPlateauParamScheduler) for scheduler in self.schedulers)

    def replay(self, loop: Any) -> None:
        """Bring the config's schedules and rates to where the loop stands, in place of those that were loaded."""
        for scheduler, state in zip(self.schedulers, self._states, strict=True):
            scheduler.load_state_dict(state)
        for optimizer, groups in zip(self.optimizers, self._groups, strict=True):
            for group, fresh in zip(optimizer.param_groups, groups, strict=True):
                group.update(fresh)
        length = len(loop.dataloader) if isinstance(loop, EpochBasedTrainLoop) else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of schedules that step before their optimizer does
            for iteration in range(1, loop.iter + 1):
                self._step(by_epoch=False)
                if length and iteration % length == 0 and iteration <= loop.epoch * length:
                    self._step(by_epoch=True)

    def _step(self, *, by_epoch: bool) -> None:
        for scheduler in self.schedulers:
            if scheduler.by_epoch == by_epoch:
                scheduler.step()


def _last_step(scheduler: Any, left: int) -> int:
    """Where a schedule will stand after the steps that are left; it counts from its `begin` on, and to its `end`."""
    first = max(scheduler._global_step + 1, scheduler.begin)
    last = min(scheduler._global_step + left, scheduler.end - 1)
    return int(scheduler.last_step + max(0, last - first + 1))


def _flat(schedulers: Any) -> Iterator[Any]:
    if isinstance(schedulers, dict):
        schedulers = schedulers.values()
    if isinstance(schedulers, Iterable):
        for scheduler in schedulers:
            yield from _flat(scheduler)
    elif hasattr(schedulers, "_global_step"):
        yield schedulers
