"""Batches of clips in which things are found and followed: a row per clip."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from vision.apis.video.frames import VideoFrames
from vision.apis.video.inferencer import VideoInferencer
from vision.batch.job import ERROR, Item, Record, Work
from vision.batch.places import Place
from vision.cli.batch.clips import VIDEO_SUFFIXES, ClipFinder
from vision.cli.batch.fields import COUNT, NUMBER, TEXT, TEXTS, allow_as_asked, schema_of, worked
from vision.cli.batch.files import FilesJob
from vision.cli.reporter import record_of
from vision.cli.video.detector import frames_of, inferencer_of
from vision.cli.video.source import Source
from vision.cli.video.summary import Summary
from vision.errors import Notice, UsageError, notice_of
from vision.structures.video import VideoResult

_MAX_BYTES = 64 << 30
_OBJECT = pa.struct([("box", pa.list_(NUMBER)), ("score", NUMBER), ("label", TEXT), ("track", COUNT)])
_FRAME = pa.struct(
    [
        *(("path", TEXT), ("frame", COUNT), ("time", NUMBER), ("width", COUNT), ("height", COUNT)),
        *(("objects", pa.list_(_OBJECT)), ("seconds", NUMBER), ("warnings", TEXTS), ("error", TEXT)),
    ]
)
_CLASS = pa.struct(
    [("label", TEXT), ("mean_per_frame", NUMBER), ("most_at_once", COUNT), ("at", TEXT), ("tracks", COUNT)]
)
_TYPES = {
    **dict.fromkeys(("frames", "seen", "failed", "width", "height"), COUNT),
    "fps": NUMBER,
    "classes": pa.list_(_CLASS),
    "results": pa.list_(_FRAME),
    "warnings": TEXTS,
}


@dataclass
class Clip:
    """What is found in one clip, or why nothing was looked for.

    Attributes:
        path: of the file or the folder.
        frames: of the clip, also those that were not looked at.
        seen: frames that were looked at.
        failed: frames that could not be read.
        fps: frames per second.
        size: (height, width) of the first frame.
        classes: what of each class was found, as `vision.cli.video.summary.Summary.records`.
        results: records of the frames that were looked at, as `vision video --jsonl` has them; None if not wanted.
        warnings: what is odd about the clip.
        error: why there is no result; None when there is one.
    """

    path: str
    frames: int = 0
    seen: int = 0
    failed: int = 0
    fps: float | None = None
    size: tuple[int, int] | None = None
    classes: list[dict[str, Any]] = field(default_factory=list)
    results: list[Record] | None = None
    warnings: list[str] = field(default_factory=list)
    error: Notice | None = None

    def to_dict(self) -> Record:
        """Always with the same fields."""
        height, width = self.size or (None, None)
        names = ("path", "frames", "seen", "failed", "fps")
        record = {name: getattr(self, name) for name in names} | {"width": width, "height": height}
        record |= {"classes": self.classes, "results": self.results, "warnings": list(map(str, self.warnings))}
        return record | {ERROR: None if self.error is None else str(self.error)}


class VideoJob(FilesJob):
    """Finds and follows things in clips.

    Args:
        command: the arguments of `vision batch video`.
        options: that rows depend on.
    """

    name, noun = "video", "clip"
    chunk = 1

    def __init__(self, command: argparse.Namespace, options: Record) -> None:
        if command.config is not None and command.checkpoint is None:
            raise UsageError("--config needs the weights of its model; name their file with --checkpoint")
        super().__init__(command, options, VIDEO_SUFFIXES)

    @property
    def schema(self) -> pa.Schema:
        """As `Job.schema`."""
        return schema_of(Clip("").to_dict(), _TYPES)

    def finder(self) -> ClipFinder:
        """As `FilesJob.finder`."""
        return ClipFinder()

    def blank(self, key: tuple[str, ...]) -> Record:
        """As `Job.blank`."""
        return Clip(key[0]).to_dict()

    def load(self) -> Work:
        """As `Job.load`."""
        allow_as_asked(self._command)
        watcher = _Watcher(self._command)

        def work(items: Iterable[Item]) -> Iterator[Record]:
            return worked(self, items, _places, _MAX_BYTES, _path, lambda paths: map(watcher.watch, paths))

        return work


class _Watcher:
    """Looks at clip after clip; the model is loaded again only where the number of frames per second changes."""

    def __init__(self, command: argparse.Namespace) -> None:
        self._command = command
        self._video: VideoInferencer | None = None
        self._fps = 0.0

    def watch(self, path: str) -> Clip:
        """What one clip shows; what goes wrong is noted in it."""
        clip = Clip(path)
        try:
            frames = frames_of(self._command, Source.of(path))
            self._watch(clip, frames)
        except UsageError as error:
            if error.code == "missing-package":
                raise
            clip = Clip(path, error=notice_of(error))
        return clip

    def _watch(self, clip: Clip, frames: VideoFrames) -> None:
        video = self._ready(frames)
        if self._command.mode == "offline":
            video.remember(frames.references())
        summary = Summary()
        kept: list[Record] = []
        for result in _results(frames, video, self._command.every):
            summary.add(result)
            kept.append(record_of(result))
        clip.frames = frames.read + frames.skipped
        clip.seen, clip.failed = summary.seen, summary.failed
        clip.fps, clip.size, clip.classes = frames.fps, frames.size, summary.records()
        clip.results = None if self._command.no_frames else kept
        clip.warnings = list(frames.warnings)

    def _ready(self, frames: VideoFrames) -> VideoInferencer:
        if self._video is None or self._fps != frames.fps:
            self._video, self._fps = inferencer_of(self._command, frames), frames.fps
        self._video.reset()
        return self._video


def _results(frames: VideoFrames, video: VideoInferencer, every: int) -> Iterator[VideoResult]:
    """Of every `every` frames the first that can be read, and of those that cannot an error, as `vision video`."""
    following, last = 0, -1
    for frame in frames:
        yield from (_lost(number, video) for number in range(following, frame.number))
        following = frame.number + 1
        if frame.number // every > last:
            last = frame.number // every
            yield video.process(frame)
    yield from (_lost(number, video) for number in range(following, frames.read + frames.skipped))


def _lost(number: int, video: VideoInferencer) -> VideoResult:
    error = Notice("the frame cannot be decoded", "damaged-image")
    return VideoResult(f"frame {number}", number, classes=video.classes, error=error)


def _places(item: Item) -> Sequence[Place]:
    return [item.content]


def _path(item: Item, paths: Sequence[str]) -> str:
    return paths[0]
