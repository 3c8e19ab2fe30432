"""`vision stereo --video`: matches frame after frame and writes a video of images beside their disparity."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from types import TracebackType

import cv2
import numpy as np

from vision.apis.stereo.frames import StereoFrames
from vision.apis.stereo.video import StereoVideo
from vision.cli.advice import advised
from vision.cli.output import OutputFolder, to_json
from vision.cli.reporter import Record, Reporter, record_of
from vision.cli.stereo.files import ENDINGS, ResultWriter, Written, write_camera_of
from vision.cli.stereo.matching import geometry_of, inferencer_of, kinds_of
from vision.cli.stereo.pairs import PAIRS
from vision.errors import UsageError
from vision.files import replacing_path
from vision.images import ImageError
from vision.structures.stereo import StereoResult
from vision.visualization.flow import flow_colors, longest
from vision.visualization.stereo import disparity_colors, disparity_range

MAX_SIDE = 1280
# Share of a new frame in what the colors stand for: they must not flicker either.
_ADAPTION = 0.05


class VideoWriter:
    """An MP4 file that takes its final name when the block ends without an error; made with the first frame.

    Args:
        path: of the file; one that exists is replaced.
        fps: frames per second.
    """

    def __init__(self, path: str, fps: float) -> None:
        self.path, self.fps = path, fps
        self._stack = contextlib.ExitStack()
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, frame: np.ndarray) -> None:
        """Add a uint8 RGB frame `[H, W, 3]`; all have the size of the first."""
        if self._writer is None:
            size = (frame.shape[1], frame.shape[0])
            temporary = self._stack.enter_context(replacing_path(self.path, ".mp4"))
            self._writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"mp4v"), self.fps, size)
            if not self._writer.isOpened():
                raise UsageError(f"cannot write {self.path!r}: this OpenCV encodes no MP4; use --no-image")
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()
        self._stack.__exit__(kind, error, trace)


def run_video(command: argparse.Namespace) -> int:
    """Match a video and write what the command asks for.

    Returns:
        Exit code: 0 every frame was matched, 1 some could not be.

    Raises:
        UsageError: exit code 2.
    """
    frames = _frames(command)
    reporter = Reporter(command, PAIRS, inputs=_inputs(command))
    if frames.problem:
        reporter.complain(f"warning: {frames.problem}")
    left = command.inputs[0]
    geometry = geometry_of(command, left, reporter.complain)
    outputs = OutputFolder(command.output)  # keeps the name while it is there
    base = outputs.base_for(left.rstrip("/\\"), endings=ENDINGS)
    kinds = kinds_of(command)
    writer = ResultWriter(kinds, command.view, False, command.max_depth, command.unit, with_camera=False)
    folder = OutputFolder(f"{base}_frames") if kinds else None
    camera: str | None = None
    began = time.perf_counter()
    path = f"{base}_stereo.mp4"
    told: set[str] = set()
    with (
        reporter,
        VideoWriter(path, frames.fps) as video,
        reporter.progress(frames.count, "frames", "tiles", is_slow=command.tile is not None, has_rate=True) as progress,
    ):
        matcher = StereoVideo(inferencer_of(command, geometry, progress.on_part), warm=not command.no_warm_start)
        painter = _Painter()
        for number, result in enumerate(matcher.stream(_guarded(frames))):
            record = _record(result, writer, folder, frames.name_of(number), told)
            if camera is None and result.calibration is not None:
                camera = write_camera_of(result.calibration, base)  # of all frames
            if result.error is None and not command.no_image:
                video.write(painter.paint(result, matcher.is_cut))
            reporter.complain_of(record)
            reporter.tally(record)
            progress.advance()
    if frames.ended:
        reporter.complain(f"warning: {frames.ended}")
    if not reporter.outcomes:
        raise UsageError(f"video {left!r} has no frame that can be decoded; expected at least one")
    is_drawn = not command.no_image and reporter.outcomes["matched"]
    files = [*([path] if is_drawn else []), *([] if folder is None else [folder.path]), *([camera] if camera else [])]
    _print_summary(reporter.outcomes, matcher.cuts, time.perf_counter() - began, files, command)
    return reporter.exit_code


def _record(
    result: StereoResult, writer: ResultWriter, folder: OutputFolder | None, name: str, told: set[str]
) -> Record:
    """Of one frame; a warning about its files is told once for the video."""
    written = Written()
    if result.error is None and folder is not None:
        written = writer.write(result, folder.base_for(f"{name}.png"))
    record = record_of(result) | written.to_dict()
    new = [warning for warning in written.warnings if getattr(warning, "code", "") not in told]
    told |= {getattr(warning, "code", "") for warning in new}
    record["warnings"] += [f"{warning} (told once)" for warning in new]
    record["error"] = record["error"] or written.error
    return record


class _Painter:
    """Images beside their disparity, in colors whose meaning changes slowly, and at once with a new scene."""

    def __init__(self) -> None:
        self._limits: tuple[float, float] | None = None
        self._size: tuple[int, int] | None = None

    def paint(self, result: StereoResult, is_cut: bool) -> np.ndarray:
        """uint8 RGB, of even sides, all frames of one size."""
        assert result.image is not None
        if result.flow is not None:
            now = (0.0, longest(result.flow))
        else:
            assert result.disparity is not None
            now = disparity_range(result.disparity)
        last = now if self._limits is None or is_cut else self._limits
        self._limits = (last[0] + _ADAPTION * (now[0] - last[0]), last[1] + _ADAPTION * (now[1] - last[1]))
        if result.flow is not None:
            colors = flow_colors(result.flow, self._limits[1])
        else:
            assert result.disparity is not None
            colors = disparity_colors(result.disparity, self._limits)
        if self._size is None:
            height, width = result.image.shape[:2]
            scale = min(1.0, MAX_SIDE / max(height, width))
            self._size = (max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2))
        panels = (result.image, colors)
        return np.hstack([cv2.resize(panel, self._size, interpolation=cv2.INTER_AREA) for panel in panels])


def _frames(command: argparse.Namespace) -> StereoFrames:
    expected = 1 if command.side_by_side else 2
    if len(command.inputs) != expected:
        what = "one video with both views side by side" if command.side_by_side else "LEFT RIGHT"
        raise UsageError(f"--video got {len(command.inputs)} inputs; expected {what}")
    return StereoFrames(
        command.inputs[0], None if command.side_by_side else command.inputs[1], command.fps, command.max_pixels
    )


def _inputs(command: argparse.Namespace) -> list[str | None]:
    """Videos, and the frames of folders."""
    frames = [os.path.join(path, name) for path in command.inputs if os.path.isdir(path) for name in os.listdir(path)]
    return [*command.inputs, *frames, *(command.calib or []), command.checkpoint]


def _guarded(frames: StereoFrames) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A frame that cannot be read ends the video with one line: what comes after it would be out of step."""
    try:
        yield from frames
    except ImageError as error:
        problem = advised(str(error), error)
        raise UsageError(f"{problem}; the video cannot go on without this frame") from None


def _print_summary(
    outcomes: Counter[str], cuts: int, seconds: float, files: list[str], command: argparse.Namespace
) -> None:
    frames, matched = outcomes.total(), outcomes["matched"]
    rate = frames / seconds
    if command.json or command.jsonl:
        record = {
            "left": command.inputs[0],
            "right": command.inputs[-1],
            "frames": frames,
            "matched": matched,
            "cuts": cuts,
            "frames_per_second": round(rate, 3),
            "files": files,
        }
        print(to_json([record], indent=2) if command.json else to_json(record))
        return
    scenes = f", {cuts} scene cut{'s' * (cuts != 1)}" if cuts else ""
    print(f"{matched} of {frames} frames matched{scenes}, {rate:.2f} per second: {', '.join(files)}")
    sys.stdout.flush()
