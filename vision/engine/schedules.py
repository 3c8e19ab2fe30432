"""Schedules that end before the training does, found before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

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
    warnings = []
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
            warnings.append(
                f"{kind} has fallen after {half} {unit} and rises again: the training goes on for {length} "
                "(T_max and end of the param_scheduler)"
            )
    return warnings


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
