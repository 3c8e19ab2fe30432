"""The few EXIF tags that name a camera or a program."""

from __future__ import annotations

import enum
import struct
from typing import BinaryIO

MAX_ENTRIES = 1000
MAX_STRING = 1 << 16
MAX_PACKET = 1 << 20

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


class Tag(enum.IntEnum):
    """TIFF tags that are read."""

    MAKE = 0x010F
    MODEL = 0x0110
    SOFTWARE = 0x0131
    XMP = 0x02BC
    EXIF_IFD = 0x8769
    USER_COMMENT = 0x9286
    C2PA = 0xCD41


def read_tags(file: BinaryIO) -> dict[int, bytes]:
    """Raw values of the tags above, from the first directory of a TIFF structure and its EXIF directory.

    Args:
        file: seekable, at whose start the TIFF header lies.

    Raises:
        ValueError, struct.error, OSError: the structure is malformed.
    """
    file.seek(0)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(file.read(4))
    if order is None:
        raise ValueError("no TIFF header")
    (offset,) = struct.unpack(order + "I", file.read(4))
    tags = _read_directory(file, order, offset)
    link = tags.pop(Tag.EXIF_IFD, b"")
    if len(link) == 4:
        inner = _read_directory(file, order, struct.unpack(order + "I", link)[0])
        tags = {**inner, **tags}
    return tags


def comment_text(value: bytes) -> str:
    """EXIF UserComment: eight bytes name the character set, the text follows."""
    kind, text = value[:8], value[8:]
    if kind.rstrip(b"\0 ") != b"UNICODE":
        return text.rstrip(b"\0 ").decode("utf-8", "replace")
    # The standard follows the file's byte order, writers do not: Latin text tells by where its zero bytes are.
    encoding = "utf-16-be" if text[::2].count(0) >= text[1::2].count(0) else "utf-16-le"
    return text.decode(encoding, "replace").strip("\0\ufeff ")


def _read_directory(file: BinaryIO, order: str, offset: int) -> dict[int, bytes]:
    file.seek(offset)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = file.read(12 * min(count, MAX_ENTRIES))
    wanted = {int(tag) for tag in Tag}
    tags: dict[int, bytes] = {}
    for start in range(0, len(entries) - 11, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", entries, start)
        if tag not in wanted or tag in tags or kind not in _TYPE_SIZES:
            continue
        size = length * _TYPE_SIZES[kind]
        inline = entries[start + 8 : start + 12]
        if size <= 4:
            tags[tag] = inline[:size]
            continue
        file.seek(struct.unpack(order + "I", inline)[0])
        tags[tag] = file.read(min(size, MAX_PACKET if tag == Tag.XMP else MAX_STRING))
    return tags
