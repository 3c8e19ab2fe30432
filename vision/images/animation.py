"""Animations: how many frames there are, and how large their canvas may be."""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import Image

from vision.images.errors import ImageError

MAX_FRAMES = 1000
MAX_EXTENSIONS = 10_000
# Decoders join the parts of a comment one by one.
MAX_EXTENSION_BYTES = 2_000_000
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


def count_gif_frames(path: str | os.PathLike[str], file: BinaryIO) -> int:
    """Frames of a GIF file, at most 1000 and at least 1; nothing is decoded.

    Raises:
        ImageError: its comments and other extensions would keep a decoder busy for minutes.
    """
    file.seek(10)
    _skip_palette(file, file.read(3)[:1])
    frames, extensions, before = 0, 0, file.tell()
    while frames < MAX_FRAMES:
        kind = file.read(1)
        if kind == b"\x2c":
            if not frames and file.tell() - before > MAX_EXTENSION_BYTES:
                raise _too_many_extensions(path)
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            _skip_palette(file, descriptor[8:])
            frames += 1
        elif kind != b"\x21":
            break
        extensions += kind == b"\x21"
        if extensions > MAX_EXTENSIONS:
            raise _too_many_extensions(path)
        file.seek(1, 1)  # the size of a code, or the label
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], 1)
    return max(1, frames)


def _claims_animation(file: BinaryIO, kind: str) -> bool:
    """Whether a WebP file has a canvas, be it for one frame alone."""
    if kind != "WEBP":
        return False
    place = file.tell()
    file.seek(12)
    header = file.read(9)
    file.seek(place)
    return header[:4] == b"VP8X" and len(header) == 9 and bool(header[8] & 2)


def _skip_palette(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << ((flags[0] & 7) + 1), 1)


def _too_many_extensions(path: str | os.PathLike[str]) -> ImageError:
    reason = f"has more than {MAX_EXTENSIONS:,} extensions, or {MAX_EXTENSION_BYTES:,} bytes before its image; refused"
    return ImageError(path, reason, code="image-too-complex")
