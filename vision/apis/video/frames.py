"""Frames of a video: of a file, a folder of images, a camera, or a stream, one after another in constant memory."""

from __future__ import annotations

import os
import re
import time as clock
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from vision.apis.base import check_least
from vision.apis.containers import JPEG, file_head, is_container
from vision.apis.video.decoding import SCHEMES, PacketSource, packet_source
from vision.apis.video.grabbing import grabbed
from vision.apis.video.source import MAX_FPS, Choice, Source, VideoFrame
from vision.errors import Notice, UsageError
from vision.files import natural_key
from vision.images import IMAGE_SUFFIXES, MAX_PIXELS, ImageError, common_white, decode_image, read_image

__all__ = ["VideoFrame", "VideoFrames"]

REFERENCES = 14  # frames of the whole video that are remembered first, as published for MAMBA
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_WHITE_SAMPLES = 8
MAX_CAMERA = 2**31 - 1  # OpenCV counts in 32 bits


class VideoFrames:
    """Iterates over the frames of a video as `VideoFrame`s: number, time in seconds, uint8 RGB image.

    A frame that cannot be decoded is skipped and counted, and leaves a gap in the numbers. Files and folders can be
    read again.

    Args:
        source: a video file, a folder of images (in the order of the numbers in their names), one image, the number of
            a camera, or the address of a stream (rtsp, http, https). Playlists are not followed.
        every: yield the frames 0, every, 2 * every ... alone.
        fps: frames per second instead of what the file says (25 for folders).
        max_pixels: refuse larger frames.

    Attributes:
        fps: frames per second.
        count: how many frames there are, as the header says; None where nothing says it.
        size: (height, width); None where it is not known before the first frame.
        is_live: whether it can be read once alone: a camera or a stream.

    Raises:
        UsageError: the source cannot be opened; when frames are read: it gives none, or it is a camera or stream that
            cannot be opened.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | int,
        *,
        every: int = 1,
        fps: float | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        check_least(1, every=every)
        if fps is not None and not 0 < fps <= MAX_FPS:
            raise UsageError(f"fps is {fps}; expected more than 0, up to {MAX_FPS}", code="out-of-range", value=fps)
        self.source, self.every = source, every
        self._source = _opened(source, max_pixels)
        if fps is not None:
            self._source.fps = float(fps)
        self._fps = fps

    @property
    def fps(self) -> float:
        """Frames per second, before any are left out by `every`."""
        return self._source.fps if self._fps is None else float(self._fps)

    @property
    def count(self) -> int | None:
        """Frames of the source, also those that `every` leaves out."""
        return self._source.count

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the first frame; before it is read, what the header says, also of frames to be turned."""
        return self._source.size

    @property
    def is_live(self) -> bool:
        """Whether it is a camera or a stream."""
        return self._source.is_live

    @property
    def skipped(self) -> int:
        """Frames that could not be decoded so far."""
        return self._source.skipped

    @property
    def read(self) -> int:
        """Frames that could be so far, with those that `every` leaves out."""
        return self._source.read

    @property
    def warnings(self) -> list[Notice]:
        """What is odd about what was read so far: frames that were skipped, an end before its time."""
        return self._source.notices()

    def __iter__(self) -> Iterator[VideoFrame]:
        return self._frames(lambda number: number % self.every == 0)

    def references(self, count: int = REFERENCES) -> Iterator[VideoFrame]:
        """Frames spread evenly over the whole video, for `VideoInferencer.remember`; the video is read once for it.

        Raises:
            UsageError: of a camera or a stream, whose end nobody knows.
        """
        check_least(1, count=count)
        if self.is_live:
            message = f"{self.source!r} is a camera or a stream, whose end nobody knows; expected a file or a folder"
            raise UsageError(message, code="conflicting-arguments", value=self.source)
        total = self.count
        if total is None or not self._source.is_counted:
            self._source.begin()
            for _ in self._source.frames(lambda number: False):
                pass
            total = self._source.read + self._source.skipped
        wanted = set(np.linspace(0, max(0, total - 1), count).round().astype(int).tolist())
        return self._frames(wanted.__contains__)

    def _frames(self, wanted: Choice) -> Iterator[VideoFrame]:
        self._source.begin()
        is_first = True
        for frame in self._source.frames(wanted):
            if is_first:  # headers may name another size: that before phones' frames are turned upright
                self._source.size, is_first = (frame.image.shape[0], frame.image.shape[1]), False
            yield frame
        if not self._source.read:
            name = self._source.name
            many = f"; {self._source.lost()}" if self._source.skipped else ""
            message = f"{name!r} gives no frame that can be used{many}; expected at least one"
            raise UsageError(message, code="no-frames", value=name)


class ImageFiles(Source):
    """Images of a folder as frames, or one image. Deep ones have one white, as brightness must not jump."""

    def __init__(self, name: str, max_pixels: int) -> None:
        super().__init__(name)
        self._max_pixels = max_pixels
        path = Path(name)
        try:
            files = (
                [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES] if path.is_dir() else [path]
            )
        except OSError as error:
            message = f"folder {name!r} cannot be read ({error.strerror})"
            raise UsageError(message, code="unreadable-video", value=name) from None
        # A leading dot marks what macOS keeps beside a file, under its name.
        files = [file for file in files if not file.name.startswith(".")]
        self._paths = sorted(files, key=lambda file: natural_key(file.name))
        if not self._paths:
            raise UsageError(f"no images in folder {name!r}; expected one per frame", code="no-frames", value=name)
        self.count = len(self._paths)
        keys = [natural_key(file.stem)[0] for file in self._paths]
        self._twice = [
            path.name for path, key, last in zip(self._paths[1:], keys[1:], keys, strict=False) if key == last
        ]

    def notices(self) -> list[Notice]:
        """As `Source.notices`, and files of one number: 1.png and 01.png."""
        found = super().notices()
        if self._twice:
            what = "1 file has" if len(self._twice) == 1 else f"{len(self._twice)} files have"
            text = f"{self.name}: {what} the number of another one, the first is {self._twice[0]}; each was taken"
            found.append(Notice(text, "frame-twice", self._twice[0]))
        return found

    def frames(self, wanted: Choice) -> Iterator[VideoFrame]:
        """As `Source.frames`; what is not wanted is not read."""
        white = common_white(self._paths[:: -(-len(self._paths) // _WHITE_SAMPLES)], self._max_pixels)
        for number, path in enumerate(self._paths):
            if not wanted(number):
                self.read += 1
                continue
            try:
                image = read_image(path, self._max_pixels, white)
            except ImageError as error:
                self.skip(number, f"{path.name} {error.reason}")
                continue
            self.read += 1
            yield VideoFrame(number, number / self.fps, image, str(path))


class Camera(Source):
    """Frames of a camera at this machine, from now on, until it is gone."""

    is_live = True

    def __init__(self, number: int) -> None:
        super().__init__(f"camera {number}")
        if not 0 <= number <= MAX_CAMERA:
            message = f"source is {number}; expected the number of a camera, 0 to {MAX_CAMERA}"
            raise UsageError(message, code="out-of-range", value=number)
        self._number = number

    def frames(self, wanted: Choice) -> Iterator[VideoFrame]:
        """As `Source.frames`."""
        capture = cv2.VideoCapture(self._number)
        if not capture.isOpened():
            capture.release()
            message = f"camera {self._number} cannot be opened; expected the number of a camera that nobody else uses"
            raise UsageError(message, code="no-camera", value=self._number)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # what waits is old by the time it is asked for
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate < MAX_FPS else self.fps
        began = clock.monotonic()
        yield from grabbed(self, capture, wanted, lambda: clock.monotonic() - began)
        self.end("source-gone", f"camera {self._number} gives no more frames after {self.read}")


def _opened(source: str | os.PathLike[str] | int, max_pixels: int) -> Source:
    if isinstance(source, int) and not isinstance(source, bool):
        return Camera(source)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"source is a {type(source).__name__}; expected a path, an address or the number of a camera")
    name = os.fspath(source)
    address = _ADDRESS.match(name)
    if address is not None and not os.path.exists(name):
        return _stream(name, address[1].lower(), max_pixels)
    if os.path.isdir(name) or _is_still(name, max_pixels):
        return ImageFiles(name, max_pixels)
    return packet_source(name, max_pixels)


def _is_still(name: str, max_pixels: int) -> bool:
    """Whether a file is one image that our own reader takes: FFmpeg takes a .jpg for a pattern of names.

    Raises:
        UsageError: it is an animation of which it would read the first frame alone.
    """
    if Path(name).suffix.lower() not in IMAGE_SUFFIXES or not os.path.isfile(name):
        return False
    head = file_head(name)
    if head.startswith(JPEG) or not head:
        return bool(head)
    if is_container(head):
        return False
    try:
        image = decode_image(name, max_pixels)
    except ImageError as error:
        raise UsageError(f"video {name!r}: {error.reason}", code=error.code, value=error.value) from None
    if image.frames > 1:
        message = f"video {name!r} holds {image.frames} frames as {image.format}; expected an MP4, GIF or PNG of them"
        raise UsageError(message, code="unreadable-video", value=name)
    return True


def _stream(name: str, scheme: str, max_pixels: int) -> Source:
    if scheme not in SCHEMES:
        message = f"stream {name!r} has the scheme {scheme!r}; expected one of {', '.join(SCHEMES)}"
        raise UsageError(message, code="bad-address", value=name)
    try:
        import av  # noqa: F401 (whether it is there)
    except ImportError:
        message = "reading a stream needs the package av; pip install 'neighborhood-vision[video]'"
        raise UsageError(message, code="missing-package", value="av") from None
    return PacketSource(name, max_pixels, is_address=True)
