"""Animations: how many frames there are, and how large their canvas may be."""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import Image

from vision.images.errors import ImageError

MAX_FRAMES = 1000
# Of max_pixels: decoders of animations keep several copies of a canvas that a file of 90 bytes may claim.
CANVAS_SHARE = 4
# Its decoder takes 18 bytes per pixel.
JPEG_2000_SHARE = 2
_ANIMATED = {"WEBP", "GIF", "PNG", "AVIF"}


def check_canvas(
    path: str | os.PathLike[str], file: BinaryIO, image: Image.Image, frames: int, max_pixels: int
) -> None:
    """Raise ImageError where a decoder needs so much memory per pixel that `max_pixels` is too many."""
    pixels, kind = image.width * image.height, str(image.format)
    if kind == "JPEG2000":
        what, share, name = "a JPEG 2000 image", JPEG_2000_SHARE, "half"
    elif (kind in _ANIMATED and frames > 1) or _claims_animation(file, kind):
        what, share, name = "an animation", CANVAS_SHARE, "a quarter"
    else:
        return
    most = max_pixels // share
    if pixels > most:
        reason = f"is {what} of {pixels:,} pixels; the limit is {most:,}, {name} of max_pixels"
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


def _claims_animation(file: BinaryIO, kind: str) -> bool:
    """Whether a WebP file has a canvas, be it for one frame alone."""
    if kind != "WEBP":
        return False
    place = file.tell()
    file.seek(12)
    header = file.read(9)
    file.seek(place)
    return header[:4] == b"VP8X" and len(header) == 9 and bool(header[8] & 2)


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
