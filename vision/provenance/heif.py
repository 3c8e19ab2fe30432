"""Items of AVIF and HEIF files (ISO/IEC 14496-12, 23008-12), among which EXIF and XMP are."""

from __future__ import annotations

import os
from typing import BinaryIO

from vision.provenance.bmff import MAX_BOXES, Box, boxes
from vision.provenance.found import MAX_PAYLOAD, Found
from vision.provenance.tiff import tiff_of

MAX_ITEMS = 64
MAX_EXTENTS = 1000  # of an item
_EXIF = b"Exif"
_IN_FILE, _IN_BOX = 0, 1  # what offsets are counted from


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
        end = self.data.find(b"\0", self.position)
        end = len(self.data) if end < 0 else end  # the last string of a box may lack its NUL
        piece, self.position = self.data[self.position : end], end + 1
        return piece


def scan_meta(file: BinaryIO, meta: Box, found: Found) -> None:
    """All EXIF and XMP items of a `meta` box."""
    inner: dict[bytes, Box] = {}
    for box in boxes(file, meta.start + 4, meta.start + meta.size):
        inner.setdefault(box.kind, box)
    if b"iinf" not in inner or b"iloc" not in inner:
        return
    items = _items(file, inner[b"iinf"], found)
    places = _places(_payload(file, inner[b"iloc"]), {item for _, item in items})
    for kind, item in items[:MAX_ITEMS]:
        data = _joined(file, places.get(item, []), inner.get(b"idat"), found)
        if not data:
            continue
        if kind == _EXIF:  # four bytes say how far the TIFF header is
            found.exif.append(tiff_of(data[4 + int.from_bytes(data[:4], "big") :]) or tiff_of(data))
        else:
            found.xmp.append(data)


def _joined(file: BinaryIO, extents: list[tuple[int, int, int]], idat: Box | None, found: Found) -> bytes:
    """The extents of an item, one after the other; a length of 0 means up to the end of the file."""
    pieces, left = [], MAX_PAYLOAD
    end = file.seek(0, os.SEEK_END)
    for method, offset, length in extents:
        if method == _IN_BOX and idat is None:
            continue
        start = offset + (idat.start if idat is not None and method == _IN_BOX else 0)
        if left <= 0 or found.budget <= 0:
            found.note(f"an item beyond {MAX_PAYLOAD:,} bytes was not read")
            break
        file.seek(start)
        pieces.append(found.read(file, min(length or max(end - start, 0), left)))
        left -= len(pieces[-1])
    return b"".join(pieces)


def _items(file: BinaryIO, box: Box, found: Found) -> list[tuple[bytes, int]]:
    """Kinds and numbers of the items of kinds b"Exif" and b"mime" (XMP alone), from the `infe` boxes."""
    version = _payload(file, box)[:1]
    first = box.start + 4 + (2 if version == b"\0" else 4)
    items: list[tuple[bytes, int]] = []
    for entry in boxes(file, first, box.start + box.size):
        data = _payload(file, entry)
        if entry.kind != b"infe" or data[:1] not in (b"\2", b"\3"):
            continue
        with found.tolerating("the list of items"):
            cursor = _Cursor(data, 4)
            item = cursor.take(2 if data[:1] == b"\2" else 4)
            cursor.take(2)  # protection
            kind = cursor.take(4).to_bytes(4, "big")
            cursor.text()  # name
            if kind == _EXIF or (kind == b"mime" and cursor.text().strip().lower() == b"application/rdf+xml"):
                items.append((kind, item))
    return items


def _places(data: bytes, wanted: set[int]) -> dict[int, list[tuple[int, int, int]]]:
    """Item number -> (method, offset, length) of its extents, from an `iloc` box."""
    cursor = _Cursor(data)
    version = cursor.take(1)
    cursor.take(3)
    sizes = cursor.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    index_size = index_size if version else 0
    wide = 4 if version == 2 else 2
    places: dict[int, list[tuple[int, int, int]]] = {}
    for _ in range(min(cursor.take(wide), MAX_BOXES)):
        item = cursor.take(wide)
        method = cursor.take(2) & 15 if version else _IN_FILE
        cursor.take(2)  # data reference
        base = cursor.take(base_size)
        extents = cursor.take(2)
        size = index_size + offset_size + length_size
        if item not in wanted or not size or method not in (_IN_FILE, _IN_BOX):
            cursor.position += extents * size
            if item in wanted and extents and method in (_IN_FILE, _IN_BOX):  # base alone
                places[item] = [(method, base, 0)]
            continue
        for _ in range(extents):
            if len(places.setdefault(item, [])) >= MAX_EXTENTS:
                raise ValueError("too many extents")
            cursor.take(index_size)
            offset = base + cursor.take(offset_size)
            places[item].append((method, offset, cursor.take(length_size)))
    return places


def _payload(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start)
    return file.read(min(box.size, MAX_PAYLOAD))
