"""Chunks of WebP files: EXIF, XMP and C2PA."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from vision.provenance.found import MAX_BLOCKS, Found
from vision.provenance.stealth import webp_text
from vision.provenance.tiff import tiff_of


def scan_webp(file: BinaryIO, found: Found) -> None:
    """RIFF chunks, which begin at even places, and text in the pixels where these are kept without loss."""
    is_lossless = False
    for kind, length in chunks(file):
        if kind == b"C2PA":
            found.c2pa = True
        elif kind == b"EXIF":
            found.exif.append(tiff_of(found.read(file, length)))
        elif kind == b"XMP ":
            found.xmp.append(found.read(file, length))
        is_lossless |= kind in (b"VP8L", b"ALPH")
    if is_lossless:
        webp_text(file, found)


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk; the file is at the chunk's data meanwhile."""
    file.seek(12)
    for _ in range(MAX_BLOCKS):
        header = file.read(8)
        if len(header) < 8:
            return
        length, start = struct.unpack("<I", header[4:])[0], file.tell()
        yield header[:4], length
        file.seek(start + length + length % 2)
