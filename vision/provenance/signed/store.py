"""Whether a file holds a C2PA manifest store, and how large it claims to be: told before any library reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from vision.provenance.bmff import C2PA_UUID, boxes
from vision.provenance.found import MALFORMED, Found, is_c2pa_jumbf
from vision.provenance.gif import scan_gif
from vision.provenance.jpeg import APP11, segments
from vision.provenance.png import chunks as png_chunks
from vision.provenance.tiff import is_tiff, read_tiff
from vision.provenance.webp import chunks as webp_chunks

_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"qt  ": "video/quicktime", b"M4V ": "video/x-m4v"}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class Store(NamedTuple):
    """A manifest store.

    Attributes:
        media_type: of the file.
        size: bytes that the store takes or claims to take; 0 where the container does not say.
    """

    media_type: str
    size: int


def find_store(file: BinaryIO) -> Store | None:
    """The manifest store of a JPEG, PNG, WebP, AVIF, HEIF, JPEG XL, MP4, QuickTime, GIF or TIFF file, if it has one."""
    prefix = file.read(16)
    media_type, sizes = _container(prefix)
    total, is_there = 0, False
    try:
        for size in sizes(file) if sizes else ():
            total, is_there = total + size, True
    except MALFORMED:  # what comes before the damage counts
        pass
    return Store(media_type, total) if is_there else None


def _container(prefix: bytes) -> tuple[str, Callable[[BinaryIO], Iterator[int]] | None]:
    if prefix[:2] == b"\xff\xd8":
        return "image/jpeg", _in_jpeg
    if prefix[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png", _in_png
    if prefix[:4] == b"RIFF" and prefix[8:12] == b"WEBP":
        return "image/webp", _in_webp
    if prefix[4:8] == b"JXL ":
        return "image/jxl", _in_boxes
    if prefix[4:8] == b"ftyp":
        brand = prefix[8:12]
        return _BRANDS.get(brand, "image/heif" if brand in _HEIF_BRANDS else "video/mp4"), _in_boxes
    if prefix[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif", _in_gif
    return ("image/tiff", _in_tiff) if is_tiff(prefix) else ("", None)


def _in_jpeg(file: BinaryIO) -> Iterator[int]:
    """A store goes on in further APP11 segments, which carry its number (2 bytes behind "JP") but no type."""
    numbers: set[bytes] = set()
    for marker, length in segments(file):
        if marker == APP11:
            head = file.read(min(length, 64))
            if head[:2] == b"JP" and (is_c2pa_jumbf(head[8:]) or head[2:4] in numbers):
                numbers.add(head[2:4])
                yield length


def _in_png(file: BinaryIO) -> Iterator[int]:
    return (length for kind, length in png_chunks(file) if kind == b"caBX")


def _in_webp(file: BinaryIO) -> Iterator[int]:
    return (length for kind, length in webp_chunks(file) if kind == b"C2PA")


def _in_boxes(file: BinaryIO) -> Iterator[int]:
    for box in boxes(file, 0, file.seek(0, os.SEEK_END)):
        if box.kind not in (b"uuid", b"jumb"):
            continue
        file.seek(box.start)
        head = file.read(64)
        if head[:16] == C2PA_UUID if box.kind == b"uuid" else is_c2pa_jumbf(b"\0\0\0\0jumb" + head):
            yield box.size


def _in_gif(file: BinaryIO) -> Iterator[int]:
    return _found(scan_gif, file)


def _in_tiff(file: BinaryIO) -> Iterator[int]:
    return _found(read_tiff, file)


def _found(scan: Callable[[BinaryIO, Found], None], file: BinaryIO) -> Iterator[int]:
    found = Found()
    scan(file, found)
    if found.c2pa:
        yield 0
