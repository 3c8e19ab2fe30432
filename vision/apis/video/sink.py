"""Writes frames to an H.264 MP4 that browsers play, in constant memory.

supervision has a sink, too, but it writes by OpenCV, whose wheels have no H.264 encoder: what it makes (MPEG-4 part 2)
no browser plays. PyAV's wheels bring x264.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import cv2
import numpy as np

from vision.errors import UsageError
from vision.files import StrPath, naming, replacing_path

SUFFIXES = (".mp4", ".mov", ".m4v")
_TICKS = 90_000  # per second
# Fragments: what is written is complete after each of them, without an index to be moved to the front at the end.
_CONTAINER = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
# No B-frames, so that the first frame is at time 0; a fragment every 50 frames bounds what waits in memory.
_ENCODER = {"preset": "veryfast", "crf": "23", "bf": "0", "g": "50"}
# FFmpeg's numbers of what its conversion from RGB gives: BT.601's matrix, 16 to 235. Players that are not told take
# large frames for BT.709's, and red becomes orange.
_COLORS = {"colorspace": 6, "color_range": 1, "color_primaries": 1, "color_trc": 1}


class VideoSink:
    """A video file to be; use it in a `with` block, or `close` it.

    The file takes its name at the end of the block, also when Ctrl-C or an error of the caller ends it: what was
    written until then plays. If the file itself cannot be written (a full disk), nothing is left of it.

    Args:
        path: ends in .mp4, .m4v or .mov.
        fps: frames per second, where frames bring no time.

    Raises:
        UsageError: another suffix, an fps out of range, PyAV is not installed, or it has no H.264 encoder.
        OSError: the file cannot be written; it names the path.
    """

    def __init__(self, path: StrPath, fps: float = 25.0) -> None:
        if Path(path).suffix.lower() not in SUFFIXES:
            name = os.fspath(path)
            raise UsageError(f"{name!r} names no MP4; expected .mp4", code="bad-video-name", value=name)
        if not 0 < fps <= 1000:
            raise UsageError(f"fps is {fps}; expected more than 0, up to 1000", code="out-of-range", value=fps)
        self.path, self.fps, self.count = path, fps, 0
        self._av = h264_library()
        self._stack = ExitStack()
        temporary = self._stack.enter_context(replacing_path(path, ".mp4"))
        try:
            with naming(path):
                file = self._stack.enter_context(temporary.open("wb"))
                self._file = _CheckedFile(file)
                self._container = self._av.open(self._file, "w", format="mp4", options=_CONTAINER)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        self._stream: Any = None
        self._ticks = -1
        self._is_open = True

    def write(self, image: np.ndarray, time: float | None = None) -> None:
        """Add a frame; one of another size than the first is fitted into it.

        Args:
            image: uint8 RGB `[H, W, 3]`; odd sides get one more pixel.
            time: in seconds from the first frame on; times that do not grow are moved behind the frame before.

        Raises:
            OSError: the file cannot be written; it is gone then.
        """
        ticks = self._ticks + max(1, round(_TICKS / self.fps)) if time is None else round(time * _TICKS)
        self._ticks = max(ticks, self._ticks + 1, 0)
        try:
            with naming(self.path):
                if self._stream is None:
                    self._stream = self._begin(*image.shape[:2])
                frame = self._av.VideoFrame.from_ndarray(self._fitted(image), format="rgb24")
                frame.pts, frame.time_base = self._ticks, Fraction(1, _TICKS)
                for packet in self._stream.encode(frame):
                    self._container.mux(packet)
            self._file.check()
        except OSError as error:
            self._give_up(error)
            raise OSError(error.errno, error.strerror, os.fspath(self.path)) from None
        self.count += 1

    def close(self) -> None:
        """Finish the file, which takes its name now; without a frame there is none."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            if self._stream is not None:
                for packet in self._stream.encode():
                    self._container.mux(packet)
            self._container.close()
            self._file.check()
        except OSError as error:
            self._give_up(error)
            raise OSError(error.errno, error.strerror, os.fspath(self.path)) from None
        if self._stream is None:
            self._give_up(ValueError("no frames"))
        else:
            self._stack.close()

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _begin(self, height: int, width: int) -> Any:
        stream = self._container.add_stream("libx264", rate=Fraction(self.fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        stream.options = _ENCODER
        stream.codec_context.time_base = Fraction(1, _TICKS)
        for name, value in _COLORS.items():
            setattr(stream.codec_context, name, value)
        return stream

    def _fitted(self, image: np.ndarray) -> np.ndarray:
        """The frame in the size of the stream: with its edge repeated, or reduced or enlarged within black."""
        height, width = self._stream.height, self._stream.width
        down, right = height - image.shape[0], width - image.shape[1]
        if (down, right) == (0, 0):
            return np.ascontiguousarray(image)
        if 0 <= down <= 1 and 0 <= right <= 1:
            return np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge")
        scale = min(height / image.shape[0], width / image.shape[1])
        new_height, new_width = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
        canvas = np.zeros((height, width, 3), np.uint8)
        top, left = (height - new_height) // 2, (width - new_width) // 2
        small = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA)
        canvas[top : top + new_height, left : left + new_width] = small
        return canvas

    def _give_up(self, error: BaseException) -> None:
        """Remove what was written, and let the encoder go."""
        self._is_open = False
        with suppress(OSError, ValueError):  # it was told what is wrong
            self._container.close()
        with suppress(type(error)):
            self._stack.__exit__(type(error), error, None)


class _CheckedFile:
    """A file for FFmpeg to write, which remembers what went wrong: FFmpeg says nothing of errors in its last writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.seek, self.tell = file.seek, file.tell

    def write(self, data: bytes) -> int:
        if self._error is None:
            try:
                self._file.write(data)
                self._file.flush()  # what waits in a buffer could fail when nobody asks any more
            except OSError as error:
                self._error = error
        return len(data)

    def check(self) -> None:
        """Raise what went wrong."""
        if self._error is not None:
            raise self._error


def h264_library() -> Any:
    """PyAV with an H.264 encoder.

    Raises:
        UsageError: it is not installed, or was built without.
    """
    try:
        import av
    except ImportError:
        message = "writing a video needs the package av; pip install 'neighborhood-vision[video]'"
        raise UsageError(message, code="missing-package", value="av") from None
    if "libx264" not in av.codecs_available:
        message = "this PyAV was built without libx264, its H.264 encoder; install the wheel from PyPI"
        raise UsageError(message, code="no-encoder", value="libx264")
    return av
