"""Frames of videos: of a file, or of a folder of images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from vision.apis.containers import open_video
from vision.errors import UsageError
from vision.files import natural_key
from vision.images import IMAGE_SUFFIXES, MAX_PIXELS, common_white, read_image

DEFAULT_FPS = 25.0


class Frames(Protocol):
    """Frames in their order."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    @property
    def count(self) -> int | None:
        """How many there are; None when nothing says it."""

    def __iter__(self) -> Iterator[np.ndarray]: ...


class VideoFile:
    """Frames of a video file, uint8 RGB `[H, W, 3]`.

    Raises:
        UsageError: it cannot be opened as a video, or its frames have more than `max_pixels`.
    """

    def __init__(self, path: str, max_pixels: int = MAX_PIXELS) -> None:
        self.path = path
        capture = open_video(self.path)
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > max_pixels:
            capture.release()
            reason = (
                f"video {path!r} has frames of {width:g} x {height:g} pixels; the limit is {max_pixels:,} (max_pixels)"
            )
            raise UsageError(reason, code="too-many-pixels", value=round(width * height))
        fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        self.fps = float(fps) if 0 < fps < 1000 else DEFAULT_FPS
        self.count = int(count) if 0 < count < 1e9 else None

    def __iter__(self) -> Iterator[np.ndarray]:
        capture = open_video(self.path)
        try:
            while True:
                there, frame = capture.read()
                if not there:
                    return
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            capture.release()


class ImageFolder:
    """Images of a folder in the order of their names, as frames.

    Those of more than 8 bits have one white, that of eight of them: brightness must not jump from frame to frame.

    Raises:
        UsageError: it has none.
    """

    def __init__(self, path: str, fps: float = DEFAULT_FPS, max_pixels: int = MAX_PIXELS) -> None:
        files = (file for file in Path(path).iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        self.paths = sorted(files, key=lambda file: natural_key(file.name))
        if not self.paths:
            reason = f"no images in folder {path!r}; expected one per frame"
            raise UsageError(reason, code="unreadable-video", value=path)
        self.fps, self.count, self.max_pixels = fps, len(self.paths), max_pixels

    def __iter__(self) -> Iterator[np.ndarray]:
        white = common_white(self.paths[:: -(-len(self.paths) // 8)], self.max_pixels)
        return (read_image(path, self.max_pixels, white) for path in self.paths)


def open_frames(path: str, max_pixels: int) -> Frames:
    """A video file, or a folder of images."""
    return ImageFolder(path, max_pixels=max_pixels) if os.path.isdir(path) else VideoFile(path, max_pixels)
