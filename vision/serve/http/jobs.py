"""Videos that are looked at while their clients do something else: one after another, frame by frame."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from vision.apis.video.frames import VideoFrames
from vision.errors import UsageError
from vision.files import to_json
from vision.serve.http.problems import Problem
from vision.serve.http.results import renamed
from vision.serve.queue import MAX_RETRY, Busy, Closed
from vision.serve.services import Services

QUEUED, RUNNING, DONE, FAILED = STATES = ("queued", "running", "done", "failed")
MAX_KEPT = 256  # jobs that are done; the oldest make room
TIMES = 10  # a video may take this many times what another request may
MAX_RESULT = 64 << 20  # bytes
_log = logging.getLogger("vision.serve")


@dataclass(eq=False)
class Job:
    """One video.

    Attributes:
        id: that nobody guesses; who knows it may ask for the job and remove it.
        folder: of its file and its result.
        frames: opened.
        shown: what stands for our paths in texts.
        state: one of STATES.
        done: frames that were looked at.
        of: frames that the file says it has, or None.
        problem: why it failed.
        stop: set when nobody wants it any more.
    """

    folder: Path
    frames: VideoFrames | None
    shown: dict[str, str]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    state: str = QUEUED
    done: int = 0
    of: int | None = None
    problem: Problem | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    until: float = 0.0

    @property
    def result_path(self) -> Path:
        """A line of JSON per frame."""
        return self.folder / "result.jsonl"


class Jobs:
    """Jobs of a server. Each frame takes its turn in the queue of the models, so that other requests are not held up.

    Args:
        services: whose models and uploads are used.
    """

    def __init__(self, services: Services) -> None:
        self._services, self._settings = services, services.settings
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._seconds = 10.0  # that one takes, lately

    def start(self, job: Job) -> None:
        """Take a job.

        Raises:
            Busy: as many wait as may.
            Closed: the server ends.
        """
        with self._changed:
            if self._is_closed:
                raise Closed("the server ends")
            if len(self._waiting) >= self._settings.queue:
                raise Busy(min(MAX_RETRY, max(1, int(self._seconds * (len(self._waiting) + 1)))))
            self._forget_old()
            self._jobs[job.id] = job
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def find(self, name: str) -> Job | None:
        """The job of that id; None if there is none, or none any more."""
        with self._changed:
            self._forget_old()
            return self._jobs.get(name)

    def forget(self, name: str) -> bool:
        """Give up a job and remove its files; False if there is none."""
        with self._changed:
            job = self._jobs.pop(name, None)
            if job is None:
                return False
            is_waiting = job in self._waiting
            if is_waiting:
                self._waiting.remove(job)
            job.stop.set()
        if is_waiting or job.state in (DONE, FAILED):
            self._services.uploads.remove(job.folder)
        return True

    def position(self, job: Job) -> int | None:
        """How many come before it; 0 while it runs, None when it is done."""
        with self._changed:
            if job in self._waiting:
                return self._waiting.index(job) + 1
        return 0 if job.state in (QUEUED, RUNNING) else None

    def close(self) -> None:
        """Give up all jobs."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            for job in self._jobs.values():
                job.stop.set()
            self._changed.notify_all()

    def _forget_old(self) -> None:
        """Those whose time is over, and the oldest of too many."""
        now = time.monotonic()
        ended = [job for job in self._jobs.values() if job.state in (DONE, FAILED)]
        many = len(ended) - MAX_KEPT
        for number, job in enumerate(ended):
            if job.until <= now or number < many:
                del self._jobs[job.id]
                self._services.uploads.remove(job.folder)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if self._is_closed:
                    return
                job = self._waiting.popleft()
                job.state = RUNNING
            self._services.uploads.keep(job.folder)
            began = time.monotonic()
            try:
                self._work(job, began + TIMES * self._settings.timeout)
                state = DONE
            except Problem as problem:
                job.problem, state = problem, FAILED
            except UsageError as error:
                job.problem, state = Problem.of(error, job.shown), FAILED
            except (Closed, CancelledError):
                job.problem, state = Problem(503, "the server ends"), FAILED
            except Exception:
                _log.exception("a job failed")
                job.problem, state = Problem(500, "the server failed at this video; its log says why"), FAILED
            job.frames = None  # it holds a file open
            self._services.uploads.keep(job.folder)
            self._seconds += 0.3 * (time.monotonic() - began - self._seconds)
            with self._changed:
                job.until, job.state = time.monotonic() + self._settings.keep_seconds, state
                is_forgotten = job.id not in self._jobs
            if is_forgotten:
                self._services.uploads.remove(job.folder)

    def _work(self, job: Job, deadline: float) -> None:
        frames = job.frames
        assert frames is not None
        job.of, size = frames.count, 0
        queue = self._services.queue
        video = queue.submit(lambda: self._services.video(frames.fps), cancel=job.stop, is_part=True).result()
        with open(job.result_path, "x", encoding="ascii") as target:
            for frame in frames:
                if job.stop.is_set():
                    raise Closed("the job was given up")
                if time.monotonic() > deadline:
                    limit = TIMES * self._settings.timeout
                    raise Problem(413, f"the video takes longer than {limit:g} s, the limit of this server")
                ticket = queue.submit(lambda frame=frame: video.process(frame), cancel=job.stop, is_part=True)  # type: ignore[misc]
                line = to_json(renamed(ticket.result().to_dict(), job.shown))
                size += len(line) + 1
                if size > MAX_RESULT:
                    raise Problem(413, f"the result of the video is larger than {MAX_RESULT:,} bytes")
                target.write(f"{line}\n")
                job.done += 1


def result_text(lines: TextIO) -> Iterator[str]:
    """The frames of a job that is done, as a JSON array, line by line; the file is closed at the end."""
    yield "["
    with lines:
        for number, line in enumerate(lines):
            yield f"{',' * bool(number)}{line.rstrip()}"
    yield "]"


def record_of(job: Job, position: int | None) -> dict[str, Any]:
    """What a client hears of a job, without its result."""
    error = None
    if job.problem is not None:
        error = {"status": job.problem.status_code, "detail": job.problem.detail, "code": job.problem.code}
    progress = {"frames": job.done, "of": job.of}
    return {"id": job.id, "state": job.state, "position": position, "progress": progress, "error": error}
