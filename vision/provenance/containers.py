"""Where JPEG and WebP files keep their metadata; payloads are read up to a bound, pixels are skipped."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

MAX_PAYLOAD = 1 << 20
MAX_BLOCKS = 100_000

_JPEG_APP1, _JPEG_APP11, _JPEG_SCAN, _JPEG_END = 0xE1, 0xEB, 0xDA, 0xD9
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_EXIF_ID = b"Exif\0\0"
_XMP_ID = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass
class Found:
    """Raw metadata of one file.

    Attributes:
        exif: a TIFF structure: its bytes, or the file when that is a TIFF itself.
        xmp: an XMP packet.
        c2pa: a C2PA manifest store is present.
        text: PNG text chunks that generators write, keyword -> text.
    """

    exif: bytes | BinaryIO | None = None
    xmp: bytes | None = None
    c2pa: bool = False
    text: dict[str, str] = field(default_factory=dict)


def scan_jpeg(file: BinaryIO, found: Found) -> None:
    """Segments up to the first scan: APP1 holds EXIF and XMP, APP11 holds JUMBF boxes, C2PA's among them."""
    file.seek(2)
    for _ in range(MAX_BLOCKS):
        marker = _next_marker(file)
        if marker in (None, _JPEG_SCAN, _JPEG_END):
            return
        if marker in _JPEG_BARE:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker not in (_JPEG_APP1, _JPEG_APP11):
            file.seek(max(length - 2, 0), os.SEEK_CUR)
            continue
        payload = file.read(max(length - 2, 0))
        if marker == _JPEG_APP11:
            found.c2pa |= is_c2pa_jumbf(payload[8:])
        elif payload.startswith(_EXIF_ID):
            found.exif = found.exif or payload[len(_EXIF_ID) :]
        elif payload.startswith(_XMP_ID):
            found.xmp = found.xmp or payload[len(_XMP_ID) :]


def scan_webp(file: BinaryIO, found: Found) -> None:
    """RIFF chunks EXIF, XMP and C2PA."""
    file.seek(12)
    for _ in range(MAX_BLOCKS):
        header = file.read(8)
        if len(header) < 8:
            return
        kind, length = header[:4], struct.unpack("<I", header[4:])[0]
        after = file.tell() + length + length % 2
        if kind == b"C2PA":
            found.c2pa = True
        elif kind == b"EXIF":
            found.exif = file.read(min(length, MAX_PAYLOAD)).removeprefix(_EXIF_ID)
        elif kind == b"XMP ":
            found.xmp = file.read(min(length, MAX_PAYLOAD))
        file.seek(after)


def is_c2pa_jumbf(box: bytes) -> bool:
    """Whether a JUMBF superbox is a C2PA manifest store: its description box has the type `c2pa`.

    Layout: length, "jumb", then length, "jumd", 16 bytes of type, whose first four are the letters.
    """
    return box[4:8] == b"jumb" and box[12:16] == b"jumd" and box[16:20] == b"c2pa"


def _next_marker(file: BinaryIO) -> int | None:
    byte = file.read(1)
    if byte != b"\xff":
        return None
    while byte == b"\xff":  # any number of fill bytes
        byte = file.read(1)
    return byte[0] if byte else None
