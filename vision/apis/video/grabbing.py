"""Frames through OpenCV's reader, of a file or of a camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2

from vision.apis.video.source import Choice, Source, VideoFrame


def grabbed(
    source: Source, capture: cv2.VideoCapture, wanted: Choice, time_of_last: Callable[[], float]
) -> Iterator[VideoFrame]:
    """Frames until there are no more, counted in their source; the reader is closed then.

    Args:
        source: counts what was read and what could not be decoded.
        capture: opened, at its first frame.
        wanted: which frames are decoded.
        time_of_last: gives the time in seconds of the frame that was grabbed last.
    """
    try:
        while capture.grab():
            number, time = source.read + source.skipped, time_of_last()
            if not wanted(number):
                source.read += 1
                continue
            there, frame = capture.retrieve()
            if not there:
                source.skip(number, "damaged")
                continue
            source.read += 1
            yield VideoFrame(number, time, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()
