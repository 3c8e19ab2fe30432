"""One flat record of an image's provenance metadata, whatever kind of file it is in."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from vision.images import ImageError, open_regular
from vision.provenance.bmff import scan_bmff
from vision.provenance.fields import MANIFEST, NOTES, PNG_TEXT, PROVENANCE_FIELDS
from vision.provenance.found import Found
from vision.provenance.generators.texts import GENERATOR_KEYWORDS
from vision.provenance.gif import scan_gif
from vision.provenance.iptc import read_iptc, read_photoshop
from vision.provenance.jpeg import scan_jpeg
from vision.provenance.png import scan_png
from vision.provenance.text import one_line
from vision.provenance.tiff import is_tiff, read_tiff
from vision.provenance.webp import scan_webp
from vision.provenance.xmp import read_xmp

MAX_VALUE_LENGTH = 300_000
MAX_PARTS = 16  # EXIF structures, Photoshop's blocks and IPTC records of one file
C2PA_PRESENT = "present, not validated"


def read_provenance(path: str | os.PathLike[str]) -> dict[str, str]:
    """What the file says about where it comes from; such claims are easily removed or forged.

    A C2PA manifest is only found, its signature is not checked.

    Returns:
        Those of `PROVENANCE_FIELDS` that were found, in that order: one line each, at most 300,000 characters; several
        values of a field are joined by "; ". Of source types that contradict each other, a model's comes before a
        camera's. `provenance_notes` says what contradicts itself, is damaged or beyond a bound. Empty for a file that
        has none or cannot be read.
    """
    found = Found()
    try:
        with open_regular(path) as file, found.tolerating("metadata"):
            _scan(file, found)
            _describe(found)
    except (ImageError, OSError):
        return {}
    values = {name: "; ".join(values) for name, values in found.values.items()}
    values[PNG_TEXT] = "; ".join(f"{key}: {text}" for key, text in sorted(found.texts, key=_is_other))
    values[MANIFEST] = C2PA_PRESENT if found.c2pa else ""
    values[NOTES] = "; ".join(found.notes)
    lines = ((name, one_line(values.get(name, ""), MAX_VALUE_LENGTH)) for name in PROVENANCE_FIELDS)
    return {name: value for name, value in lines if value}


def _scan(file: BinaryIO, found: Found) -> None:
    prefix = file.read(16)
    if is_tiff(prefix):
        found.exif.append(file)
        return
    scan = _scanner(prefix)
    if scan is not None:
        with found.tolerating("metadata"):  # what came before the damage still counts
            scan(file, found)


def _scanner(prefix: bytes) -> Callable[[BinaryIO, Found], None] | None:
    if prefix[:2] == b"\xff\xd8":
        return scan_jpeg
    if prefix[:8] == b"\x89PNG\r\n\x1a\n":
        return scan_png
    if prefix[:4] == b"RIFF" and prefix[8:12] == b"WEBP":
        return scan_webp
    if prefix[:6] in (b"GIF87a", b"GIF89a"):
        return scan_gif
    if prefix[4:8] in (b"ftyp", b"jP  ", b"JXL "):
        return scan_bmff
    return None


def _describe(found: Found) -> None:
    """From raw metadata to values: Photoshop's blocks may hold EXIF, EXIF may hold such blocks and XMP, once."""
    for blocks in list(found.photoshop):
        with found.tolerating("a block of Photoshop"):
            read_photoshop(blocks, found)
    done = len(found.photoshop)
    for source in found.exif[:MAX_PARTS]:
        read_tiff(source, found)
    for blocks in found.photoshop[done : done + MAX_PARTS]:
        with found.tolerating("a block of Photoshop"):
            read_photoshop(blocks, found)
    for records in found.iptc[:MAX_PARTS]:
        with found.tolerating("IPTC"):
            read_iptc(records, found)
    with found.tolerating("XMP"):
        read_xmp(found)
    if max(len(found.exif), len(found.iptc)) > MAX_PARTS:
        found.note(f"EXIF and IPTC beyond the first {MAX_PARTS} of each were not read")


def _is_other(text: tuple[str, str]) -> bool:
    return text[0].strip().lower() not in GENERATOR_KEYWORDS
