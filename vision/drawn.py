"""The mark of PNG files that the suite has drawn, so that the next run does not take them for somebody's images."""

from __future__ import annotations

import os
import struct
import zlib

DRAWN_BY = "neighborhood-vision"
_KEY = b"tEXtSoftware\0"
# Signature and header of a PNG file; what comes next may be a text.
_HEAD = 33


def marked_png(data: bytes, what: str) -> bytes:
    """A PNG file that says of itself what was drawn, and by whom.

    Args:
        data: a PNG file.
        what: such as "confidence".
    """
    text = _KEY + f"{DRAWN_BY}, {what}".encode("latin-1")
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return data[:_HEAD] + chunk + data[_HEAD:]


def is_drawn(path: str) -> bool:
    """Whether the suite drew a PNG file, which says so before its pixels, whatever its name."""
    if not path.lower().endswith(".png"):
        return False
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return _KEY + DRAWN_BY.encode() in file.read(200)
    except OSError:  # told when it is read
        return False
