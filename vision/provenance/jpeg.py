"""Segments of JPEG files: EXIF, XMP, Photoshop's blocks, C2PA and comments."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from vision.provenance.found import MAX_BLOCKS, Found, is_c2pa_jumbf
from vision.provenance.iptc import PHOTOSHOP_ID
from vision.provenance.text import plain_text
from vision.provenance.tiff import tiff_of

EXIF_ID = b"Exif\0"
XMP_ID = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_ID = b"http://ns.adobe.com/xmp/extension/\0"

APP11 = 0xEB
_APP1, _APP13, _COMMENT, _SCAN, _END = 0xE1, 0xED, 0xFE, 0xDA, 0xD9
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_MARKER = re.compile(rb"\xff[\x01\xc0-\xfe]")  # others are reserved: stray bytes


def scan_jpeg(file: BinaryIO, found: Found) -> None:
    """Segments up to the first scan."""
    blocks: list[bytes] = []
    try:
        for marker, length in segments(file):
            if marker in (_APP1, APP11, _APP13, _COMMENT):
                _take(marker, found.read(file, length), found, blocks)
    finally:
        found.photoshop += [b"".join(blocks)] if blocks else []


def segments(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Marker and length of the payload of each segment up to the first scan; the file is at the payload meanwhile."""
    file.seek(2)
    for _ in range(MAX_BLOCKS):
        marker = _next_marker(file)
        if marker is None or marker in (_SCAN, _END):
            return
        if marker in _BARE:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        length, start = max(length - 2, 0), file.tell()
        yield marker, length
        file.seek(start + length)


def take_app1(payload: bytes, found: Found) -> None:
    """EXIF, XMP or a part of extended XMP, by its identifier."""
    if payload.startswith(EXIF_ID):
        found.exif.append(tiff_of(payload))
    elif payload.startswith(XMP_ID):
        found.xmp.append(payload[len(XMP_ID) :])
    elif payload.startswith(EXTENDED_XMP_ID):
        found.extended_xmp.append(payload[len(EXTENDED_XMP_ID) :])


def _take(marker: int | None, payload: bytes, found: Found, blocks: list[bytes]) -> None:
    if marker == _APP1:
        take_app1(payload, found)
    elif marker == APP11:
        found.c2pa |= is_c2pa_jumbf(payload[8:])
    elif marker == _COMMENT:
        found.add("jpeg_comment", plain_text(payload))
    elif payload.startswith(PHOTOSHOP_ID):  # what does not fit into one segment goes on in the next
        blocks.append(payload[len(PHOTOSHOP_ID) :])


def _next_marker(file: BinaryIO) -> int | None:
    """Stray bytes before a marker are skipped, as decoders do; fill bytes too."""
    block, size = file.read(2), 64
    carry = b""
    while True:
        data = carry + block
        match = _MARKER.search(data)
        if match:
            file.seek(match.end() - len(data), os.SEEK_CUR)
            return data[match.end() - 1]
        if not block:
            return None
        carry = data[-1:]
        block, size = file.read(size), min(2 * size, 1 << 16)  # doubling: linear in the stray bytes
