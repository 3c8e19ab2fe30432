"""Boxes of AVIF, HEIF and JPEG 2000 files (ISO/IEC 14496-12, 23008-12): C2PA, EXIF and XMP."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from vision.provenance.containers import MAX_PAYLOAD, Found, is_c2pa_jumbf

MAX_BOXES = 10_000
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_TIFF_HEADERS = (b"II*\0", b"MM\0*")


class _Box(NamedTuple):
    kind: bytes
    start: int
    size: int


class _Cursor:
    """Big-endian integers of one box, one after the other; a width of 0 reads as 0."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def take(self, width: int) -> int:
        piece = self.data[self.position : self.position + width]
        if len(piece) < width:
            raise ValueError("box ends early")
        self.position += width
        return int.from_bytes(piece, "big")

    def text(self) -> bytes:
        end = self.data.index(b"\0", self.position)
        piece, self.position = self.data[self.position : end], end + 1
        return piece


def scan_bmff(file: BinaryIO, found: Found) -> None:
    """Top-level boxes: `uuid` (C2PA, XMP), `jumb` (C2PA in JPEG 2000) and `meta`, which says where EXIF and XMP lie."""
    end = file.seek(0, os.SEEK_END)
    has_meta = False
    for box in _boxes(file, 0, end):
        payload = _payload(file, box) if box.kind in (b"uuid", b"jumb", b"meta") else b""
        if box.kind == b"uuid":
            found.c2pa |= payload[:16] == _C2PA_UUID
            if payload[:16] == _XMP_UUID:
                found.xmp = payload[16:]
        elif box.kind == b"jumb":
            found.c2pa |= is_c2pa_jumbf(b"\0\0\0\0jumb" + payload)
        elif box.kind == b"meta" and not has_meta:
            has_meta = True
            _scan_meta(file, box, found)


def _scan_meta(file: BinaryIO, meta: _Box, found: Found) -> None:
    inner = {box.kind: box for box in _boxes(file, meta.start + 4, meta.start + meta.size)}
    if b"iinf" not in inner or b"iloc" not in inner:
        return
    items = _items(file, inner[b"iinf"])
    places = _places(_payload(file, inner[b"iloc"]))
    for kind, item in items.items():
        if item not in places:
            continue
        offset, length = places[item]
        file.seek(offset)
        data = file.read(min(length or MAX_PAYLOAD, MAX_PAYLOAD))
        if kind == b"Exif":
            found.exif = _tiff_of(data)
        else:
            found.xmp = data


def _items(file: BinaryIO, box: _Box) -> dict[bytes, int]:
    """Numbers of the first items of kinds b"Exif" and b"mime" (XMP alone), from the `infe` boxes."""
    version = _payload(file, box)[:1]
    first = box.start + 4 + (2 if version == b"\0" else 4)
    items: dict[bytes, int] = {}
    for entry in _boxes(file, first, box.start + box.size):
        data = _payload(file, entry)
        if entry.kind != b"infe" or data[:1] not in (b"\2", b"\3"):
            continue
        cursor = _Cursor(data, 4)
        item = cursor.take(2 if data[:1] == b"\2" else 4)
        cursor.take(2)  # protection
        kind = cursor.take(4).to_bytes(4, "big")
        cursor.text()  # name
        if kind == b"Exif" or (kind == b"mime" and cursor.text() == b"application/rdf+xml"):
            items.setdefault(kind, item)
    return items


def _places(data: bytes) -> dict[int, tuple[int, int]]:
    """Item number -> (file offset, length) of its first extent, from an `iloc` box."""
    cursor = _Cursor(data)
    version = cursor.take(1)
    cursor.take(3)
    sizes = cursor.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    places: dict[int, tuple[int, int]] = {}
    for _ in range(min(cursor.take(wide), MAX_BOXES)):
        item = cursor.take(wide)
        method = cursor.take(2) & 15 if version else 0
        cursor.take(2)  # data reference
        base = cursor.take(base_size)
        extents = cursor.take(2)
        if not extents:
            continue
        cursor.take(index_size if version else 0)
        offset, length = cursor.take(offset_size), cursor.take(length_size)
        if method == 0:  # counted from the start of the file
            places[item] = base + offset, length
        cursor.position += (extents - 1) * ((index_size if version else 0) + offset_size + length_size)
    return places


def _tiff_of(data: bytes) -> bytes | None:
    """An Exif item starts with four bytes that say how far the TIFF header is."""
    skip = 4 + struct.unpack(">I", data[:4])[0]
    return data[skip:] if data[skip : skip + 4] in _TIFF_HEADERS else None


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
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
        yield _Box(kind, start + header, size - header)
        start += size


def _payload(file: BinaryIO, box: _Box) -> bytes:
    file.seek(box.start)
    return file.read(min(box.size, MAX_PAYLOAD))
