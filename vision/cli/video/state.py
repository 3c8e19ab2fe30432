"""The file of --state: memory and tracks of a stream, and where in which video they end."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vision.apis.video.state import read_state, write_state
from vision.errors import UsageError
from vision.structures.video import VideoResult

_KEY = "run"
# Options that change what is found: a run that goes on with others is not one run.
_OPTIONS = ("every", "threshold", "max_size", "classes", "no_track", "precision")
_ARRAYS = ("boxes", "scores", "labels", "track_ids")


@dataclass
class Position:
    """How far a run came.

    Attributes:
        next: number of the next frame, over all runs that went on from each other.
        time: of the next frame in seconds, None where nothing says it.
        first: number of the first frame of the source, other than 0 where the run goes on in another video.
        first_time: its time.
        last: the last frame that was looked at; its boxes are drawn until the next one is.
    """

    next: int = 0
    time: float | None = None
    first: int = 0
    first_time: float = 0.0
    last: VideoResult | None = None


def save_run(path: str, state: dict[str, Any], position: Position, identity: str, command: argparse.Namespace) -> None:
    """Write the state of an inferencer and where it stands.

    Raises:
        OSError: the file cannot be written; what was there stays.
    """
    last = position.last
    run = {
        "source": identity,
        "options": {name: getattr(command, name) for name in _OPTIONS},
        **{name: getattr(position, name) for name in ("next", "time", "first", "first_time")},
        "last": None
        if last is None
        else {"frame": last.frame, "size": last.size and list(last.size)}
        | {name: torch.from_numpy(np.ascontiguousarray(getattr(last, name))) for name in _ARRAYS},
    }
    write_state(path, state | {_KEY: run})


def read_run(path: str, mode: str) -> dict[str, Any]:
    """What `save_run` has written.

    Raises:
        UsageError: of code "bad-state".
    """
    state = read_state(path)
    run = state.get(_KEY)
    if not isinstance(run, dict) or not {"source", "options", "next", "time", "first", "first_time", "last"} <= set(
        run
    ):
        raise _bad(path, "was not written by --state")
    if state.get("mode") != mode:
        raise _bad(path, f"is of --mode {state.get('mode')}; expected {mode}")
    return state


def position_of(path: str, state: dict[str, Any], identity: str, step: float, classes: tuple[str, ...]) -> Position:
    """Where a run goes on: behind the frames that were done of the same source, else with the first of another one.

    Args:
        path: of the state, for messages.
        state: from `read_run`.
        identity: of the source (`Source.identity`).
        step: seconds between two frames.
        classes: of the model.

    Raises:
        UsageError: of code "bad-state".
    """
    run = state[_KEY]
    try:
        number, time = int(run["next"]), None if run["time"] is None else float(run["time"])
        last = None if run["last"] is None else _result(run["last"], classes)
        if run["source"] == identity:
            return Position(number, time, int(run["first"]), float(run["first_time"]), last)
        return Position(number, time, number, 0.0 if time is None else time, last)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _bad(path, f"is damaged ({error})") from None


def other_options(state: dict[str, Any], command: argparse.Namespace) -> list[str]:
    """Options that differ from those of the run that is gone on with, in words."""
    before = state[_KEY]["options"]
    if not isinstance(before, dict):
        return []
    return [
        f"--{name.replace('_', '-')} was {before.get(name)} and is {getattr(command, name)}"
        for name in _OPTIONS
        if before.get(name) != getattr(command, name)
    ]


def _result(saved: dict[str, Any], classes: tuple[str, ...]) -> VideoResult:
    arrays = {name: saved[name].numpy() for name in _ARRAYS}
    count = len(arrays["boxes"])
    if arrays["boxes"].shape != (count, 4) or any(arrays[name].shape != (count,) for name in _ARRAYS[1:]):
        raise ValueError("the boxes of its last frame")
    size = None if saved["size"] is None else (int(saved["size"][0]), int(saved["size"][1]))
    number = int(saved["frame"])
    return VideoResult(f"frame {number}", number, size=size, classes=classes, **arrays)


def _bad(path: str, problem: str) -> UsageError:
    return UsageError(f"--resume {path!r} {problem}", code="bad-state", value=path)
