"""What a PNG file holds, by its chunks: whether all rows are there, and a copy without texts and profiles."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from vision.images.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A file of nothing but empty chunks takes decoders minutes.
MAX_CHUNKS = 100_000
_INDEXED = 3
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Those without which the pixels are others, or not upright.
_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"}
# (first column, first row, step of columns, of rows) of each pass of an interlaced image.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_STEP = 1 << 20


@dataclass
class PngChunks:
    """Where the chunks of a PNG file are.

    Attributes:
        chunks: (kind, start of the body, its length) up to the end chunk, as far as the file goes.
        end: behind the end chunk; None when there is none.
        width, height, bits, color, interlaced: of the header.
    """

    chunks: list[tuple[bytes, int, int]]
    end: int | None
    width: int
    height: int
    bits: int
    color: int
    interlaced: bool

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, its filter included."""
        return _row_bytes(self.width, self.bits, self.color)

    @property
    def all_bytes(self) -> int:
        """Bytes of all rows, inflated."""
        if not self.interlaced:
            return self.height * self.row_bytes
        total = 0
        for left, top, right, down in _PASSES:
            columns, rows = -(-(self.width - left) // right), -(-(self.height - top) // down)
            if columns > 0:
                total += max(rows, 0) * _row_bytes(columns, self.bits, self.color)
        return total


def read_chunks(path: str | os.PathLike[str], file: BinaryIO) -> PngChunks | None:
    """Walk over the chunks of a PNG file; None where not even the header is there.

    Raises:
        ImageError: more chunks than any program writes, or another one where the header belongs.
    """
    size = os.fstat(file.fileno()).st_size
    chunks, end, position = [], None, 8
    while position + 8 <= size:
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        chunks.append((kind, position + 8, min(length, max(0, size - position - 8))))
        position += 12 + length
        if len(chunks) > MAX_CHUNKS:
            raise ImageError(path, f"has more than {MAX_CHUNKS:,} chunks; refused", code="image-too-complex")
        if kind == b"IEND":
            end = min(position, size)
            break
    if chunks and chunks[0][0] == b"CgBI":
        raise ImageError(path, "is a PNG file optimized for iOS; expected a standard PNG", code="unsupported-image")
    if not chunks or chunks[0][0] != b"IHDR" or chunks[0][2] != 13:
        return None
    file.seek(chunks[0][1])
    width, height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", file.read(13))
    return PngChunks(chunks, end, width, height, bits, color, bool(interlaced)) if color in _CHANNELS else None


def check_palette(path: str | os.PathLike[str], png: PngChunks) -> None:
    """Refuse indices without the palette that they stand for, which Pillow paints black."""
    if png.color == _INDEXED and not any(kind == b"PLTE" and length >= 3 for kind, _, length in png.chunks):
        raise ImageError(path, "damaged PNG data: it has no palette; expected a complete image", code="damaged-image")


def missing_rows(file: BinaryIO, png: PngChunks) -> str | None:
    """How much of the pixels is there, in words; None if all of them are."""
    there = min(_inflated(file, png), png.all_bytes)
    if there >= png.all_bytes:
        return None
    if png.interlaced:
        return f"{there / png.all_bytes:.0%} of the pixels are there"
    return f"{there // png.row_bytes:,} of {png.height:,} rows are there"


def without_metadata(file: BinaryIO, png: PngChunks) -> bytes:
    """The file without texts, profiles and what else the pixels do not need; checksums are those of the file."""
    parts = [SIGNATURE]
    for kind, start, length in png.chunks:
        if kind in _NEEDED:
            file.seek(start - 8)
            parts.append(file.read(12 + length))
    if png.end is None:
        parts.append(struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND")))
    return b"".join(parts)


def _inflated(file: BinaryIO, png: PngChunks) -> int:
    """Bytes that the image data inflates to, counted up to what the image needs, never kept."""
    wanted, count = png.all_bytes, 0
    inflater = zlib.decompressobj()
    for kind, start, length in png.chunks:
        if kind != b"IDAT":
            continue
        for place in range(start, start + length, _STEP):
            file.seek(place)
            data = file.read(min(_STEP, start + length - place))
            grown = _STEP
            # Output may wait in the inflater after all input is gone.
            while (data or grown == _STEP) and count < wanted and not inflater.eof:
                try:
                    grown = len(inflater.decompress(data, _STEP))
                except zlib.error:
                    return count
                count += grown
                data = inflater.unconsumed_tail
            if count >= wanted or inflater.eof:
                return count
    return count


def _row_bytes(width: int, bits: int, color: int) -> int:
    return 1 + -(-width * bits * _CHANNELS[color] // 8)
