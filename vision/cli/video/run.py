"""One run of `vision video`: frames in, lines and a drawn video out, and a state that the next run goes on from."""

from __future__ import annotations

import argparse
import sys
import time as clock
from contextlib import ExitStack, suppress

from vision.apis.video.frames import VideoFrame, VideoFrames
from vision.apis.video.inferencer import VideoInferencer
from vision.apis.video.sink import VideoSink
from vision.cli.advice import advised
from vision.cli.output import to_json
from vision.cli.process import say
from vision.cli.reporter import ALL_DONE, SOME_FAILED, progress_bar, record_of
from vision.cli.video.detector import frames_of, inferencer_of
from vision.cli.video.drawn import DrawnVideo
from vision.cli.video.mot import MotFile
from vision.cli.video.signals import WholeFrame, ending_between_frames
from vision.cli.video.source import Source
from vision.cli.video.state import Position, other_options, position_of, read_run, save_run
from vision.cli.video.summary import Summary
from vision.errors import Notice, UsageError
from vision.structures.video import VideoResult

# Notices of frames that are missing at the end.
_CUT_OFF = ("frames-missing", "source-gone")


def run_video(command: argparse.Namespace, source: Source) -> int:
    """Look at the frames of a source and write what the command asks for.

    Returns:
        Exit code: 0 every frame was read, 1 some could not be.

    Raises:
        UsageError: exit code 2.
    """
    saved = None if command.resume is None else read_run(command.resume, command.mode)
    frames = frames_of(command, source)
    video = inferencer_of(command, frames)
    position = Position()
    if saved is not None:
        video.load_state(saved)
        position = position_of(command.resume, saved, source.identity(), 1 / frames.fps, video.classes)
        for text in other_options(saved, command):
            _complain(f"warning: {text}: what comes is not as one run would have found it")
        _complain(f"going on with frame {position.next}, in {source.name}")
    elif command.mode == "offline":
        video.remember(frames.references())
    return VideoRun(command, source, frames, video, position).go()


class VideoRun:
    """What one run has in hand.

    Args:
        command: the arguments.
        source: what they name.
        frames: of the source.
        video: looks at them.
        position: how far an earlier run came.
    """

    def __init__(
        self,
        command: argparse.Namespace,
        source: Source,
        frames: VideoFrames,
        video: VideoInferencer,
        position: Position,
    ) -> None:
        self.command, self.source, self.frames, self.video = command, source, frames, video
        self.position, self.begin = position, position.next
        self.summary = Summary()
        self._drawn: DrawnVideo | None = None
        self._mot: MotFile | None = None
        self._lost = 0  # frames that could not be decoded, before one that could
        self._is_cut_off = False

    def go(self) -> int:
        """Look at all frames.

        Returns:
            Exit code, as `run_video`.
        """
        began = clock.perf_counter()
        with ending_between_frames() as whole:
            try:
                self._work(whole)
            except BaseException as error:  # Ctrl-C is one: what was done so far is there, and the state with it
                # Of a disk that is full, the error names the file.
                files = [] if isinstance(error, OSError) else self._files()
                with suppress(OSError):
                    self._close(whole, began, files)
                raise
            self._close(whole, began, self._files())
        if self.position.next == self.begin:
            raise UsageError(self._nothing(), code="no-frames", value=self.source.name)
        return SOME_FAILED if self.summary.failed or self._is_cut_off else ALL_DONE

    def _work(self, whole: WholeFrame) -> None:
        command = self.command
        with ExitStack() as stack:
            if command.mot is not None:
                self._mot = stack.enter_context(MotFile(command.mot, command.overwrite))
            if command.output is not None:
                self._drawn = stack.enter_context(
                    DrawnVideo(VideoSink(command.output, self.frames.fps), 1 / self.frames.fps)
                )
            count = self.frames.count
            total = None if count is None else max(0, count + self.position.first - self.begin)
            bar = progress_bar(total, "frames", has_rate=True, is_wanted=not (command.jsonl and sys.stdout.isatty()))
            progress = stack.enter_context(bar)
            following = 0
            for frame in self.frames:
                self._lost += frame.number - following
                following = frame.number + 1
                if frame.number + self.position.first >= self.position.next:
                    with whole:
                        self._take(frame)
                    progress.advance()
            with whole:
                self._miss(self.position.next + self.frames.skipped - self._lost)
                if self._drawn is not None:
                    self._drawn.fill(self.frames.skipped - self._lost)
            self._tell_notices()

    def _take(self, frame: VideoFrame) -> None:
        """All that belongs to one frame."""
        position, every = self.position, self.command.every
        number = frame.number + position.first
        time = None if frame.time is None else frame.time + position.first_time
        self._miss(number)
        last, is_new = position.last, False
        if last is None or number // every > last.frame // every:  # of N frames the first that can be read
            position.last, is_new = self.video.process(frame._replace(number=number, time=time)), True
            self._report(position.last)
        if self._drawn is not None:
            self._drawn.add(number - self.begin, frame.time, frame.image, position.last, is_held=not is_new)
        position.next = number + 1
        position.time = None if time is None else time + 1 / self.frames.fps

    def _miss(self, until: int) -> None:
        """Report the frames before a number that could not be decoded."""
        for number in range(self.position.next, until):
            error = Notice("the frame cannot be decoded", "damaged-image")
            self._report(VideoResult(f"frame {number}", number, classes=self.video.classes, error=error))
            self.position.next = number + 1

    def _report(self, result: VideoResult) -> None:
        self.summary.add(result)
        if self._mot is not None:
            self._mot.write(result)
        record = record_of(result)
        for warning in record["warnings"]:
            _complain(f"warning: {result.path}: {warning}")
        if record["error"] is not None:
            _complain(f"{result.path}: {record['error']}")
        if self.command.jsonl:
            print(to_json(record), flush=True)

    def _tell_notices(self) -> None:
        for notice in self.frames.warnings:
            self._is_cut_off |= notice.code in _CUT_OFF
            _complain(f"warning: {advised(notice)}")

    def _files(self) -> list[str]:
        return [file for file in (self.command.output, self.command.mot) if file is not None]

    def _close(self, whole: WholeFrame, began: float, files: list[str]) -> None:
        """The state, and what the run found; files that were written before are told."""
        if self.position.next == self.begin:
            return
        command = self.command
        if command.state is not None and whole.is_torn:
            _complain(f"--state {command.state!r} was not written: the run ended in the middle of a frame")
        elif command.state is not None:
            save_run(command.state, self.video.state(), self.position, self.source.identity(), command)
            files = [*files, command.state]
        has_tracks = not command.no_track
        if not command.jsonl:
            self.summary.print_table(has_tracks)
        frames = self.position.next - self.begin
        line = self.summary.line(clock.perf_counter() - began, frames, has_tracks)
        say(f"{line}; {', '.join(files)}" if files else line)

    def _nothing(self) -> str:
        if self.begin:
            return f"--resume: {self.source.name} has no frame behind the {self.begin} that were done"
        return f"{self.source.name} has no frame that can be decoded; expected at least one"


def _complain(text: str) -> None:
    say(f"vision video: {text}")
