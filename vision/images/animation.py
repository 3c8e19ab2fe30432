"""Animations: how many frames there are, and how large their canvas may be."""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import Image

from vision.images.errors import ImageError

MAX_FRAMES = 1000
# Of max_pixels: decoders of animations keep several copies of a canvas that a file of 90 bytes may claim.
CANVAS_SHARE = 4
_ANIMATED = {"WEBP", "GIF", "PNG", "AVIF"}


def check_animation(path: str | os.PathLike[str], kind: str, frames: int, pixels: int, max_pixels: int) -> None:
    """Raise ImageError for an animation on a canvas of more than a quarter of `max_pixels`."""
    if kind in _ANIMATED and frames > 1:
        most = max_pixels // CANVAS_SHARE
        if pixels > most:
            reason = f"is an animation of {pixels:,} pixels; the limit is {most:,}, a quarter of max_pixels"
            raise ImageError(path, reason, code="too-many-pixels", value=pixels)


def count_frames(file: BinaryIO, image: Image.Image) -> int:
    """Frames of an image whose header is read, at most 1000; nothing is decoded, and the file stays where it is."""
    if image.format != "GIF":
        return int(getattr(image, "n_frames", 1))
    place = file.tell()
    try:
        return max(1, _gif_frames(file))
    finally:
        file.seek(place)


def _gif_frames(file: BinaryIO) -> int:
    file.seek(10)
    flags = file.read(3)
    if len(flags) == 3 and flags[0] & 0x80:
        file.seek(3 << ((flags[0] & 7) + 1), 1)
    frames = 0
    while frames < MAX_FRAMES:
        kind = file.read(1)
        if kind == b"\x2c":
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return frames
            if descriptor[8] & 0x80:
                file.seek(3 << ((descriptor[8] & 7) + 1), 1)
            file.seek(1, 1)
            frames += 1
        elif kind == b"\x21":
            file.seek(1, 1)
        else:
            return frames
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], 1)
    return frames
