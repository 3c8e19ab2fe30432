"""Boxes of AVIF, HEIF, JPEG XL and JPEG 2000 files (ISO/IEC 14496-12, 18181-2, 15444-1): C2PA, EXIF, XMP and IPTC."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from vision.provenance.found import Found, is_c2pa_jumbf
from vision.provenance.tiff import tiff_of

MAX_BOXES = 10_000
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_EXIF_UUIDS = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))


class Box(NamedTuple):
    """A box without its header."""

    kind: bytes
    start: int
    size: int


def scan_bmff(file: BinaryIO, found: Found) -> None:
    """Boxes at the top; `meta` says where EXIF and XMP of AVIF and HEIF lie."""
    from vision.provenance.heif import scan_meta

    end = file.seek(0, os.SEEK_END)
    has_meta = False
    for box in boxes(file, 0, end):
        if box.kind == b"meta" and not has_meta:
            has_meta = True
            with found.tolerating("the list of items"):
                scan_meta(file, box, found)
        elif box.kind in (b"uuid", b"jumb", b"xml ", b"Exif", b"brob"):
            _take(file, box, found)


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Boxes between two places of a file, one after the other."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:  # up to the end
            size = end - start
        if size < header:
            return
        yield Box(kind, start + header, min(size, end - start) - header)
        start += size


def _take(file: BinaryIO, box: Box, found: Found) -> None:
    file.seek(box.start)
    if box.kind == b"jumb":
        found.c2pa |= is_c2pa_jumbf(b"\0\0\0\0jumb" + file.read(64))
    elif box.kind == b"xml ":
        found.xmp.append(found.read(file, box.size))
    elif box.kind == b"Exif":  # four bytes say how far the TIFF header is
        found.exif.append(tiff_of(found.read(file, box.size)))
    elif box.kind == b"brob":
        kind = file.read(4)
        if kind in (b"xml ", b"Exif", b"jumb"):
            found.note(f"a box {kind.decode().strip()!r} is compressed by Brotli and was not read")
    else:
        kind = file.read(16)
        if kind == C2PA_UUID:
            found.c2pa = True
        elif kind == _XMP_UUID:
            found.xmp.append(found.read(file, box.size - 16))
        elif kind in _EXIF_UUIDS:
            found.exif.append(tiff_of(found.read(file, box.size - 16)))
        elif kind == _IPTC_UUID:
            found.iptc.append(found.read(file, box.size - 16))
