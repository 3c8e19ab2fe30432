"""IPTC-IIM records, and Photoshop's resource blocks, which hold them in JPEG and TIFF."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vision.provenance.fields import DATASETS
from vision.provenance.found import MAX_BLOCKS, Found
from vision.provenance.text import plain_text
from vision.provenance.tiff import is_tiff

PHOTOSHOP_ID = b"Photoshop 3.0\0"
_SIGNATURES = (b"8BIM", b"8B64", b"PHUT", b"DCSR", b"AgHg", b"MeSa")
_IPTC, _EXIF, _EXIF_MORE, _XMP = 0x0404, 0x0422, 0x0423, 0x0424


def read_photoshop(data: bytes, found: Found) -> None:
    """Resource blocks: signature, number, padded name, length, padded data."""
    position = 0
    for _ in range(MAX_BLOCKS):
        if data[position : position + 4] not in _SIGNATURES:
            return
        (number,) = struct.unpack_from(">H", data, position + 4)
        position += 6 + (data[position + 6] + 2) // 2 * 2  # the length of the name counts for its padding
        (length,) = struct.unpack_from(">I", data, position)
        block = data[position + 4 : position + 4 + length]
        position += 4 + length + length % 2
        if number == _IPTC:
            found.iptc.append(block)
        elif number in (_EXIF, _EXIF_MORE) and is_tiff(block):
            found.exif.append(block)
        elif number == _XMP:
            found.xmp.append(block)


def read_iptc(data: bytes, found: Found) -> None:
    """Data sets of IPTC-IIM 4.2. UTF-8 where it can be, whatever 1:90 says: few writers set that."""
    for dataset, value in _datasets(data):
        if dataset in DATASETS:
            found.add(DATASETS[dataset], plain_text(value))


def _datasets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    position = 0
    for _ in range(MAX_BLOCKS):
        if data[position : position + 1] != b"\x1c":
            return
        record, number, length = struct.unpack_from(">BBH", data, position + 1)
        position += 5
        if length & 0x8000:  # a long data set: that many bytes tell its length
            wide = length & 0x7FFF
            if wide > 8:
                raise ValueError("length of an IPTC data set")
            length = int.from_bytes(data[position : position + wide], "big")
            position += wide
        yield (record, number), data[position : position + length]
        position += length
