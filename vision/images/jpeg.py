"""What a JPEG file holds, by its markers: scans, the end, the quality. Nothing is decoded."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import numpy as np

from vision.images.errors import ImageError, cut_off

# libjpeg-turbo's advice: a file of 300 kB with 20,000 scans takes minutes.
MAX_SCANS = 500
# So many pixels in all scans together: 500 scans of 20 megapixels.
MAX_SCANNED_PIXELS = 10_000_000_000
MAX_SEGMENTS = 100_000
MAX_BYTES = 1 << 29
# Of stray bytes before the first scan, which decoders skip one by one.
MAX_JUNK = 1 << 20

# A marker: not a stuffed zero, not a restart within a scan, not a fill byte.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_START_OF_SCAN, _END = 0xDA, 0xD9
_STANDALONE = {0x01, 0xD8}
# Frames of lossy JPEG, sequential and progressive, by Huffman and arithmetic coding.
_PROGRESSIVE = {0xC2, 0xCA}
_FRAMES = {0xC0, 0xC1, 0xC9} | _PROGRESSIVE
# Segments that decoding needs, or turning upright; the others are texts, profiles and thumbnails.
_NEEDED = {*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD}
_LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ]
)  # ITU-T T.81, table K.1


@dataclass
class JpegMarkers:
    """Where the segments of a JPEG file are.

    Attributes:
        segments: (marker, start, end) of each, from its first 0xFF to behind its parameters.
        end: behind the end marker; None when there is none.
        scans: number of scans.
        progressive: whether scans refine each other.
        unrefined: whether a progressive image lacks the last bits of a coefficient.
    """

    segments: list[tuple[int, int, int]]
    end: int | None
    scans: int
    progressive: bool
    unrefined: bool


def read_markers(path: str | os.PathLike[str], data: bytes) -> JpegMarkers:
    """Walk over the segments of a JPEG file.

    Raises:
        ImageError: more segments than any camera or program writes, or no pixels.
    """
    segments, scans, position, end, junk = [], 0, 2, None, 0
    progressive, components, exact = False, 0, np.zeros((256, 64), bool)
    while (match := _MARKER.search(data, position)) is not None:
        junk += 0 if scans else match.start() - position
        marker, position = data[match.start() + 1], match.end()
        if marker == _END:
            end = position
            break
        if marker in _STANDALONE:
            continue
        body = data[position + 2 : position + int.from_bytes(data[position : position + 2], "big")]
        position += 2 + len(body)
        segments.append((marker, match.start(), position))
        if len(segments) > MAX_SEGMENTS:
            raise ImageError(path, f"has more than {MAX_SEGMENTS:,} segments; refused", code="image-too-complex")
        if junk > MAX_JUNK:
            raise ImageError(path, f"has {junk:,} stray bytes before its first scan; refused", code="image-too-complex")
        if marker in _FRAMES and len(body) > 5:
            progressive, components = marker in _PROGRESSIVE, body[5]
        if marker == _START_OF_SCAN:
            scans += 1
            _note_scan(body, exact)
    if not scans:
        raise cut_off(path, "JPEG", "it ends before its first pixel")
    unrefined = progressive and int(exact.all(axis=1).sum()) < components
    return JpegMarkers(segments, end, scans, progressive, unrefined)


def check_scans(path: str | os.PathLike[str], scans: int, pixels: int) -> None:
    """Raise ImageError for a file whose scans would take minutes to decode."""
    most = min(MAX_SCANS, max(10, MAX_SCANNED_PIXELS // max(pixels, 1)))
    if scans > most:
        reason = f"has {scans:,} scans; the limit is {most} for {pixels:,} pixels, so that decoding ends"
        raise ImageError(path, reason, code="image-too-complex", value=scans)


def without_metadata(data: bytes, markers: JpegMarkers) -> bytes:
    """The file without texts, profiles and thumbnails; JFIF, EXIF and Adobe's color transform stay."""
    parts, position = [], 0
    for marker, start, end in markers.segments:
        kept = marker in _NEEDED or marker in (0xE0, 0xEE) or data[start + 4 : end].startswith(b"Exif\0\0")
        if not kept:
            parts.append(data[position:start])
            position = end
    return b"".join([*parts, data[position:]])


def ended(data: bytes, padding: bytes = b"") -> bytes:
    """The file with an end marker, behind a padding that tells whether the decoder wanted more bits."""
    return data.rstrip(b"\xff") + padding + b"\xff\xd9"


def quality_of(quantization: dict[int, list[int]] | None) -> int | None:
    """JPEG quality 1 to 100 whose standard luminance table (libjpeg's) is nearest to the file's first table.

    Cameras have tables of their own, so that it is an estimate; None if there is no table of 8x8.
    """
    if not quantization:
        return None
    table = np.asarray(quantization[min(quantization)])
    if table.shape != (64,):
        return None
    # In relative terms: the coarse steps of high frequencies would drown the others.
    return int(np.abs(np.log(standard_tables() / np.maximum(table, 1))).sum(axis=1).argmin()) + 1


def standard_tables() -> np.ndarray:
    """libjpeg's steps of luminance for qualities 1 to 100, rows of frequencies one after another: `[100, 64]`."""
    qualities = np.arange(1, 101)
    scale = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    return np.clip((_LUMINANCE * scale[:, None] + 50) // 100, 1, 255)


def _note_scan(body: bytes, exact: np.ndarray) -> None:
    """Note which coefficients of which components are there to their last bit."""
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        return
    start, stop, bits = body[1 + 2 * count : 4 + 2 * count]
    if bits & 15 == 0:
        for component in body[1 : 1 + 2 * count : 2]:
            exact[component, start : stop + 1] = True
