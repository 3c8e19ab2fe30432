"""Tags of TIFF structures: TIFF and BigTIFF files, and EXIF, which is one inside another file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple

from vision.provenance.fields import COMMENT, TAGS
from vision.provenance.found import MALFORMED, Found
from vision.provenance.text import comment_text, first_text, plain_text, unicode_text

MAX_ENTRIES = 4096
MAX_DIRECTORIES = 16
MAX_STRING = 1 << 20

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_TYPE_SIZES |= {16: 8, 17: 8, 18: 8}  # BigTIFF
_HEADERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_XMP, _IPTC, _PHOTOSHOP, _EXIF_DIRECTORY, _C2PA = 0x02BC, 0x83BB, 0x8649, 0x8769, 0xCD41
_COPYRIGHT = 0x8298
_COMMENTS = {tag for tag, name in TAGS.items() if name == COMMENT}
_WINDOWS = range(0x9C9B, 0x9CA0)
_WANTED = {*TAGS, _XMP, _IPTC, _PHOTOSHOP, _EXIF_DIRECTORY, _C2PA}


class _Layout(NamedTuple):
    order: str  # of `struct`
    entries: str  # format of the number of entries
    place: str  # format of offsets and of the number of values

    def number(self, kind: str, data: bytes, offset: int = 0) -> int:
        return int(struct.unpack_from(self.order + kind, data, offset)[0])


def is_tiff(data: bytes) -> bool:
    """Whether data begin as a TIFF structure does."""
    return data[:4] in _HEADERS


def tiff_of(data: bytes) -> bytes:
    """The TIFF structure behind a prefix, such as JPEG's "Exif" with two NULs; all where there is none."""
    places = [place for place in (data.find(header, 0, 64) for header in _HEADERS) if place >= 0]
    return data[min(places, default=0) :]


def read_tiff(source: bytes | BinaryIO, found: Found) -> None:
    """What the first directory and its EXIF directory say.

    Args:
        source: seekable, or bytes, at whose start the TIFF header lies.
        found: takes values, packets and notes.
    """
    file = BytesIO(source) if isinstance(source, bytes) else source
    with found.tolerating("EXIF"):
        layout, offset = _header(file)
        waiting = [offset]
        seen: set[int] = set()
        while waiting and len(seen) < MAX_DIRECTORIES:
            offset = waiting.pop(0)
            if offset in seen:  # a loop
                continue
            seen.add(offset)
            with found.tolerating("EXIF"):
                for tag, value in _directory(file, layout, offset, found):
                    if tag == _EXIF_DIRECTORY and len(value) in (4, 8):
                        waiting.append(int.from_bytes(value, "little" if layout.order == "<" else "big"))
                    else:
                        _take(tag, value, layout, found)


def _header(file: BinaryIO) -> tuple[_Layout, int]:
    file.seek(0)
    head = file.read(16)
    if not is_tiff(head):
        raise ValueError("no TIFF header")
    order = "<" if head[:1] == b"I" else ">"
    if b"+" in head[:4]:
        layout = _Layout(order, "Q", "Q")
        return layout, layout.number("Q", head, 8)
    layout = _Layout(order, "H", "I")
    return layout, layout.number("I", head, 4)


def _directory(file: BinaryIO, layout: _Layout, offset: int, found: Found) -> Iterator[tuple[int, bytes]]:
    width = struct.calcsize(layout.order + layout.place)
    file.seek(offset)
    count = layout.number(layout.entries, file.read(struct.calcsize(layout.order + layout.entries)))
    size = 4 + 2 * width
    entries = file.read(size * min(count, MAX_ENTRIES))
    if len(entries) < size * count:
        found.note(f"EXIF: a directory claims {count:,} entries, {len(entries) // size:,} were read")
    for start in range(0, len(entries) - size + 1, size):
        tag, kind = struct.unpack_from(layout.order + "HH", entries, start)
        if tag not in _WANTED or kind not in _TYPE_SIZES:
            continue
        length = layout.number(layout.place, entries, start + 4) * _TYPE_SIZES[kind]
        place = start + 4 + width
        if length <= width:
            yield tag, entries[place : place + length]
            continue
        try:
            file.seek(layout.number(layout.place, entries, place))
            yield tag, found.read(file, length, *(() if tag in (_XMP, _PHOTOSHOP, _IPTC) else (MAX_STRING,)))
        except MALFORMED:
            found.note(f"EXIF: tag 0x{tag:04X} is damaged")


def _take(tag: int, value: bytes, layout: _Layout, found: Found) -> None:
    order = "little" if layout.order == "<" else "big"
    if tag == _XMP:
        found.xmp.append(value)
    elif tag == _IPTC:
        found.iptc.append(value)
    elif tag == _PHOTOSHOP:
        found.photoshop.append(value)
    elif tag == _C2PA:
        found.c2pa = True
    elif tag in _COMMENTS:
        found.add(TAGS[tag], comment_text(value, order))
    elif tag in _WINDOWS:
        found.add(TAGS[tag], unicode_text(value, "little"))
    elif tag == _COPYRIGHT:  # the photographer's, NUL, the editor's
        parts = [plain_text(part) for part in value.split(b"\0", 8) if part.strip()]
        found.add(TAGS[tag], "; ".join(parts))
    elif tag in TAGS:
        found.add(TAGS[tag], first_text(value))
