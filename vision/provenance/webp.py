"""Chunks of WebP files: EXIF, XMP and C2PA."""

from __future__ import annotations

import struct
from typing import BinaryIO

from vision.provenance.found import MAX_BLOCKS, Found
from vision.provenance.stealth import webp_text
from vision.provenance.tiff import tiff_of


def scan_webp(file: BinaryIO, found: Found) -> None:
    """RIFF chunks, which begin at even places, and text in the pixels where these are kept without loss."""
    file.seek(12)
    is_lossless = False
    for _ in range(MAX_BLOCKS):
        header = file.read(8)
        if len(header) < 8:
            break
        kind, length = header[:4], struct.unpack("<I", header[4:])[0]
        after = file.tell() + length + length % 2
        if kind == b"C2PA":
            found.c2pa = True
        elif kind == b"EXIF":
            found.exif.append(tiff_of(found.read(file, length)))
        elif kind == b"XMP ":
            found.xmp.append(found.read(file, length))
        is_lossless |= kind in (b"VP8L", b"ALPH")
        file.seek(after)
    if is_lossless:
        webp_text(file, found)
