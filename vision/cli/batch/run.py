"""What `vision batch` does: makes the job, runs it, and tells how it goes and what became of it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vision.batch.driver import Outcome, Settings, run_batch
from vision.batch.job import Job, Record
from vision.cli.advice import advised
from vision.cli.paths import Gap
from vision.cli.process import say
from vision.cli.reporter import ALL_DONE, SOME_FAILED, options_that_matter, progress_bar
from vision.cli.table import digest_of
from vision.errors import UsageError

_TELL_SECONDS = 30.0
# Of this command alone: which inputs there are, and where they are worked on, does not change a row.
_INDIFFERENT = ("out", "ray", "actors", "cpus", "gpus", "chunk", "retry_errors", "name", "task")


def run_command(command: argparse.Namespace) -> int:
    """Work on what the command names.

    Returns:
        Exit code: 0 no row has an error, 1 some have, or inputs may be missing.

    Raises:
        UsageError: exit code 2.
    """
    if "://" in command.out:
        raise UsageError(f"--out {command.out!r} is an address; expected a folder of this machine")
    job = job_of(command)
    settings = Settings(command.ray, command.actors, command.cpus, command.gpus, command.chunk, command.retry_errors)
    began = time.monotonic()
    with progress_bar(None, f"{job.noun}s", has_rate=True) as progress:
        outcome = run_batch(job, Path(command.out), settings, _teller(command.name, job, began, progress.advance))
    for remark in outcome.remarks:
        say(f"vision {command.name}: {advised(remark)}")
    say(f"vision {command.name}: {_line(job, outcome, time.monotonic() - began)}; {command.out}")
    has_gap = any(isinstance(remark, Gap) for remark in outcome.remarks)
    return SOME_FAILED if outcome.failed or has_gap else ALL_DONE


def options_of(command: argparse.Namespace) -> Record:
    """What rows depend on, with what stands for the content of files that are named."""
    options = options_that_matter(command, _INDIFFERENT)
    return options | {"config_file": digest_of(getattr(command, "config", None))}


def job_of(command: argparse.Namespace) -> Job:
    """The job that the arguments describe.

    Raises:
        UsageError: its inputs cannot be used.
    """
    # Each brings the packages of its task; workers need what they name, not where the command stood.
    for name in ("checkpoint", "config", "foundation", "trust"):
        value = getattr(command, name, None)
        if value and os.path.exists(value):  # a checkpoint may be the name of published weights
            setattr(command, name, os.path.abspath(value))
    options = options_of(command)
    if command.task == "forgery":
        from vision.cli.batch.forgery import ForgeryJob

        return ForgeryJob(command, options)
    if command.task == "stereo":
        from vision.cli.batch.stereo import StereoJob

        return StereoJob(command, options)
    from vision.cli.batch.video import VideoJob

    return VideoJob(command, options)


def _teller(name: str, job: Job, began: float, advance: Callable[[], None]) -> Callable[[Outcome], None]:
    """Moves the bar; where no terminal shows one, a line now and then."""
    shown = 0
    told = began

    def tell(outcome: Outcome) -> None:
        nonlocal shown, told
        while shown < outcome.done:
            advance()
            shown += 1
        now = time.monotonic()
        if now - told >= _TELL_SECONDS and not sys.stderr.isatty():
            told = now
            say(f"vision {name}: {_line(job, outcome, now - began)} so far")

    return tell


def _line(job: Job, outcome: Outcome, seconds: float) -> str:
    nouns = f"{job.noun}{'s' * (outcome.done != 1)}"
    earlier = f", {outcome.earlier:,} were done before" if outcome.earlier else ""
    failed = f"; {outcome.failed:,} of all could not be done" if outcome.failed else ""
    again = f"; {outcome.again:,} chunks had to be done again" if outcome.again else ""
    rate = outcome.done / seconds if seconds else 0.0
    return f"{outcome.done:,} {nouns} in {seconds:.1f} s, {rate:.2f} per second{earlier}{failed}{again}"
