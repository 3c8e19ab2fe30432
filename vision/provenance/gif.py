"""Extensions of GIF files: XMP, C2PA and comments."""

from __future__ import annotations

import os
from typing import BinaryIO

from vision.provenance.found import MAX_PAYLOAD, Found
from vision.provenance.text import plain_text

MAX_SUBBLOCKS = 1_000_000
_EXTENSION, _IMAGE = 0x21, 0x2C
_APPLICATION, _COMMENT = 0xFF, 0xFE


def scan_gif(file: BinaryIO, found: Found) -> None:
    """Blocks up to the trailer."""
    file.seek(10)
    flags = file.read(3)[0]
    file.seek(_table_size(flags), os.SEEK_CUR)
    left = MAX_SUBBLOCKS
    while left > 0:
        kind = file.read(1)
        if kind == bytes([_IMAGE]):
            flags = file.read(9)[8]
            file.seek(_table_size(flags) + 1, os.SEEK_CUR)
            left -= _skip(file, left)
        elif kind == bytes([_EXTENSION]):
            left -= _extension(file, found, left)
        else:
            return
    found.note(f"GIF blocks beyond the first {MAX_SUBBLOCKS:,} were not read")


def _table_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _extension(file: BinaryIO, found: Found, left: int) -> int:
    label = file.read(1)[0]
    start = file.tell()
    name = b""
    if label == _APPLICATION:
        name = file.read(file.read(1)[0])
        start = file.tell()
    count = _skip(file, left)
    end = file.tell()
    if label == _COMMENT or name in (b"XMP DataXMP", b"C2PA_GIF\1\0\0"):
        file.seek(start)
        data = found.read(file, end - start)
        file.seek(end)
        if label == _COMMENT:
            found.add("gif_comment", plain_text(_joined(data)))
        elif name.startswith(b"XMP"):
            # A packet stands there in one piece, with a trailer that leads readers of blocks out; some write blocks.
            is_whole = data[:1] == b"<" != data[1:2] or data[:4] == b"\xef\xbb\xbf<"
            found.xmp.append(data[: data.rfind(b">") + 1] if is_whole else _joined(data))
        else:
            found.c2pa = True
    return count


def _skip(file: BinaryIO, left: int) -> int:
    """Past the sub-blocks; returns their number."""
    for count in range(1, left + 1):
        length = file.read(1)
        if not length or not length[0]:
            return count
        file.seek(length[0], os.SEEK_CUR)
    return left


def _joined(data: bytes) -> bytes:
    """Sub-blocks without their lengths."""
    pieces, position = [], 0
    while position < min(len(data), MAX_PAYLOAD) and data[position]:
        pieces.append(data[position + 1 : position + 1 + data[position]])
        position += 1 + data[position]
    return b"".join(pieces)
