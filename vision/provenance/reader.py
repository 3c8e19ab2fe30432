"""One flat record of an image's provenance metadata, whatever kind of file it is in."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from vision.images import ImageError, open_regular
from vision.provenance.bmff import scan_bmff
from vision.provenance.containers import Found, scan_jpeg, scan_webp
from vision.provenance.exif import Tag, comment_text, read_tags
from vision.provenance.png import scan_png
from vision.provenance.xmp import read_xmp

PROVENANCE_FIELDS: tuple[str, ...] = (
    "exif_software",
    "exif_make",
    "exif_model",
    "exif_user_comment",
    "xmp_digital_source_type",
    "xmp_creator_tool",
    "c2pa_manifest",
    "png_text",
)
MAX_VALUE_LENGTH = 200
C2PA_PRESENT = "present, not validated"

# Everything that reading damaged or hostile bytes below can raise; the readers are bounded, so there is no MemoryError.
_MALFORMED = (OSError, ValueError, OverflowError, struct.error, zlib.error)


def read_provenance(path: str | os.PathLike[str]) -> dict[str, str]:
    """What the file says about where it comes from; such claims are easily removed or forged.

    A C2PA manifest is only found, its signature is not checked.

    Returns:
        Those of `PROVENANCE_FIELDS` that were found, in that order: one line each, at most 200 characters. Empty for a
        file that has none or cannot be read; malformed metadata is left out.
    """
    try:
        with open_regular(path) as file:
            values = _describe(_scan(file))
    except (*_MALFORMED, ImageError):
        return {}
    cleaned = ((name, _one_line(values.get(name, ""))) for name in PROVENANCE_FIELDS)
    return {name: value for name, value in cleaned if value}


def _scan(file: BinaryIO) -> Found:
    prefix = file.read(16)
    found = Found()
    if prefix[:4] in (b"II*\0", b"MM\0*"):
        found.exif = file
        return found
    scan = _scanner(prefix)
    if scan is not None:
        file.seek(0)
        try:
            scan(file, found)
        except _MALFORMED:
            return found  # what came before the damage still counts
    return found


def _scanner(prefix: bytes) -> Callable[[BinaryIO, Found], None] | None:
    if prefix[:2] == b"\xff\xd8":
        return scan_jpeg
    if prefix[:8] == b"\x89PNG\r\n\x1a\n":
        return scan_png
    if prefix[:4] == b"RIFF" and prefix[8:12] == b"WEBP":
        return scan_webp
    if prefix[4:8] in (b"ftyp", b"jP  "):
        return scan_bmff
    return None


def _describe(found: Found) -> dict[str, str]:
    values: dict[str, str] = {}
    tags: dict[int, bytes] = {}
    try:
        if found.exif is not None:
            tags = read_tags(BytesIO(found.exif) if isinstance(found.exif, bytes) else found.exif)
    except _MALFORMED:
        tags = {}
    for name, tag in (("exif_software", Tag.SOFTWARE), ("exif_make", Tag.MAKE), ("exif_model", Tag.MODEL)):
        values[name] = tags.get(tag, b"").partition(b"\0")[0].decode("utf-8", "replace")
    values["exif_user_comment"] = comment_text(tags.get(Tag.USER_COMMENT, b""))
    values |= read_xmp(found.xmp or tags.get(Tag.XMP, b""))
    if found.c2pa or Tag.C2PA in tags:
        values["c2pa_manifest"] = C2PA_PRESENT
    values["png_text"] = "; ".join(f"{key}: {text}" for key, text in found.text.items() if _one_line(text))
    return values


def _one_line(text: str) -> str:
    """No control characters (a terminal would obey them), no line breaks, at most 200 characters."""
    visible = "".join(c if c.isprintable() else " " for c in text[: 8 * MAX_VALUE_LENGTH])
    line = " ".join(visible.split())
    return line if len(line) <= MAX_VALUE_LENGTH else line[: MAX_VALUE_LENGTH - 1] + "…"
