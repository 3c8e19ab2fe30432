"""Texts that NovelAI and extensions of web UIs hide in the lowest bits of an image, column by column.

Fifteen letters say where the bits are, in alpha or in red, green and blue in turn, and whether the text is compressed
by gzip; then comes its length in bits, as 32 bits, and the text.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import Image

from vision.provenance.found import MAX_PAYLOAD, Found
from vision.provenance.text import plain_text

MAX_STEALTH_PIXELS = 25_000_000
_SIGNATURES = {b"stealth_pnginfo": (1, False), b"stealth_pngcomp": (1, True)}
_COLOR_SIGNATURES = {b"stealth_rgbinfo": (3, False), b"stealth_rgbcomp": (3, True)}
_LETTERS = 15
_GZIP = 31  # zlib's window for gzip's header
_CHANNELS = {2: 3, 4: 2, 6: 4}  # by PNG's color type: RGB, gray with alpha, RGB with alpha


def png_text(file: BinaryIO, header: bytes, pixels: Sequence[tuple[int, int]], found: Found) -> None:
    """Look at the first rows, which hold the signature, and only then at all of them.

    Args:
        file: a PNG file.
        header: body of its IHDR chunk.
        pixels: places and lengths of its IDAT chunks.
        found: takes the text.
    """
    if len(header) < 13 or not pixels:
        return
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if depth != 8 or interlace or color not in _CHANNELS or width * height == 0:
        return
    stride = 1 + width * _CHANNELS[color]
    rows = min(height, 8 * _LETTERS)
    if stride * rows > 8 * MAX_STEALTH_PIXELS:
        return
    top = _png_rows(file, header, pixels, rows, stride)
    if top is None or (rows == height and _take(top, found)) or rows == height or not _signature(top):
        return
    if width * height > MAX_STEALTH_PIXELS:
        found.note(f"text in the pixels of an image over {MAX_STEALTH_PIXELS:,} pixels was not read")
        return
    whole = _png_rows(file, header, pixels, height, stride)
    if whole is not None:
        _take(whole, found)


def webp_text(file: BinaryIO, found: Found) -> None:
    """The same in a WebP file that keeps alpha or all of its pixels without loss."""
    file.seek(0)
    try:
        with Image.open(file, formats=["WEBP"]) as image:
            if image.width * image.height <= MAX_STEALTH_PIXELS and not getattr(image, "is_animated", False):
                _take(np.asarray(image), found)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return  # damaged pixels are no matter of metadata


def _png_rows(
    file: BinaryIO, header: bytes, pixels: Sequence[tuple[int, int]], rows: int, stride: int
) -> np.ndarray | None:
    """The first rows `[rows, W, channels]`: filters only look up, so a file of these rows has the same pixels."""
    inflater, pieces, left = zlib.decompressobj(), [], rows * stride
    for place, length in pixels:
        file.seek(place)
        while length > 0 and left > 0:
            block = file.read(min(length, 1 << 16))
            if not block:
                return None
            length -= len(block)
            try:
                piece = inflater.decompress(block, left)
            except zlib.error:
                return None
            pieces.append(piece)
            left -= len(piece)
    if left > 0:
        return None
    cut = struct.pack(">II", struct.unpack(">I", header[:4])[0], rows) + header[8:13]
    body = [(b"IHDR", cut), (b"IDAT", zlib.compress(b"".join(pieces), 0)), (b"IEND", b"")]
    return _decoded(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in body))


def _decoded(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _signature(pixels: np.ndarray) -> tuple[np.ndarray, bool] | None:
    """Values whose lowest bits hold the text, in order, and whether it is compressed."""
    if pixels.ndim != 3:
        return None
    channels = pixels.shape[2]
    columns = pixels.swapaxes(0, 1)
    kinds: list[tuple[np.ndarray, dict[bytes, tuple[int, bool]]]] = []
    if channels in (2, 4):
        kinds.append((columns[..., -1], _SIGNATURES))
    if channels in (3, 4):
        kinds.append((columns[..., :3], _COLOR_SIGNATURES))
    for values, signatures in kinds:
        wide = -(-8 * _LETTERS // max(int(np.prod(values.shape[1:])), 1))  # columns that the signature takes
        letters = np.packbits(values[:wide].reshape(-1)[: 8 * _LETTERS] & 1).tobytes()
        if letters in signatures:
            return values, signatures[letters][1]
    return None


def _take(pixels: np.ndarray, found: Found) -> bool:
    signed = _signature(pixels)
    if signed is None:
        return False
    values, is_compressed = signed
    start = 8 * _LETTERS
    bits = values[: -(-(start + 32 + 8 * MAX_PAYLOAD) // max(int(np.prod(values.shape[1:])), 1))].reshape(-1) & 1
    length = int.from_bytes(np.packbits(bits[start : start + 32]).tobytes(), "big")
    data = np.packbits(bits[start + 32 : start + 32 + length // 8 * 8]).tobytes()
    if len(data) < length // 8:
        found.note("text in the pixels is cut off")
    found.add("stealth_text", plain_text(found.inflate(data, window=_GZIP) if is_compressed else data))
    return True
