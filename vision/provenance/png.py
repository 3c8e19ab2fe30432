"""PNG chunks: EXIF, XMP, C2PA, and the texts that generators and converters write."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from vision.provenance.found import MAX_BLOCKS, Found
from vision.provenance.iptc import PHOTOSHOP_ID
from vision.provenance.jpeg import EXIF_ID, EXTENDED_XMP_ID, XMP_ID, take_app1
from vision.provenance.stealth import png_text
from vision.provenance.text import plain_text
from vision.provenance.tiff import is_tiff, tiff_of

MAX_TEXT = 1 << 20
MAX_TEXTS = 1000

_XMP_KEYWORD = "xml:com.adobe.xmp"
_PROFILE = "raw profile type "
# Notes of converters about files and colors, which say nothing of the origin.
_TECHNICAL = ("date:", "thumb::", "icc:", "png:", "raw profile type ic", "exif:colorspace")


def scan_png(file: BinaryIO, found: Found) -> None:
    """All chunks up to IEND, then text in the pixels."""
    pixels: list[tuple[int, int]] = []
    header, texts = b"", 0
    for kind, length in chunks(file):
        if kind == b"IHDR":
            header = file.read(13)
        elif kind == b"IDAT":
            pixels.append((file.tell(), length))
        elif kind == b"caBX":
            found.c2pa = True
        elif kind in (b"eXIf", b"exIf"):
            found.exif.append(tiff_of(found.read(file, length)))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            texts += 1
            if texts > MAX_TEXTS:
                found.note(f"PNG texts beyond the first {MAX_TEXTS:,} were not read")
            else:
                _take_text(kind, found.read(file, length), found)
    with found.tolerating("text in the pixels"):
        png_text(file, header, pixels, found)


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk up to IEND; the file is at the chunk's data meanwhile."""
    file.seek(8)
    for _ in range(MAX_BLOCKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length, start = struct.unpack(">I", head[:4])[0], file.tell()
        yield head[4:], length
        file.seek(start + length + 4)


def _take_text(kind: bytes, payload: bytes, found: Found) -> None:
    name, _, rest = payload.partition(b"\0")
    keyword = plain_text(name[:79])
    lower = keyword.strip().lower()
    if lower.startswith(_TECHNICAL):
        return
    is_packet = lower == _XMP_KEYWORD or lower.startswith(_PROFILE)
    raw = _raw_text(kind, rest, found) if is_packet else _raw_text(kind, rest, found, MAX_TEXT)
    if lower == _XMP_KEYWORD:
        found.xmp.append(raw)
    elif lower.startswith(_PROFILE):
        with found.tolerating(f"PNG text {lower!r}"):
            _take_profile(_unhex(raw), found)
    elif raw.strip(b"\0 \t\r\n") and (keyword, plain_text(raw)) not in found.texts:
        found.texts.append((keyword, plain_text(raw)))


def _raw_text(kind: bytes, rest: bytes, found: Found, *limit: int) -> bytes:
    if kind == b"zTXt":  # one byte says how it is compressed
        return found.inflate(rest[1:], *limit)
    if kind == b"iTXt":  # compressed or not, method, language, NUL, translated keyword, NUL, text
        text = rest[2:].split(b"\0", 2)[-1]
        if rest[:1] == b"\1":
            return found.inflate(text, *limit)
        rest = text
    for bound in limit:
        if len(rest) > bound:
            found.note(f"PNG text beyond {bound:,} bytes was not read")
            rest = rest[:bound]
    return rest


def _unhex(text: bytes) -> bytes:
    """ImageMagick's form: a line with the name of the profile, one with its length, then hexadecimal digits."""
    _, length, digits = text.lstrip().split(b"\n", 2)
    return bytes.fromhex(digits.decode("ascii"))[: int(length)]


def _take_profile(data: bytes, found: Found) -> None:
    """A profile by its first bytes: the names that writers give them differ."""
    if data.startswith((EXIF_ID, XMP_ID, EXTENDED_XMP_ID)):
        take_app1(data, found)
    elif is_tiff(data):
        found.exif.append(data)
    elif data.startswith((b"8BIM", PHOTOSHOP_ID)):
        found.photoshop.append(data.removeprefix(PHOTOSHOP_ID))
    elif data[:1] == b"\x1c":
        found.iptc.append(data)
    elif b"<" in data[:64]:
        found.xmp.append(data)
