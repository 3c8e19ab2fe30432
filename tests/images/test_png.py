"""PNG: pixels that are whole are judged whatever the texts are like, and rows that are missing are told."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vision.images import ImageError, decode_image, read_image
from vision.images.png import MAX_CHUNKS

PIXELS = np.random.default_rng(0).integers(1, 256, (40, 24, 3), dtype=np.uint8)
PIXELS[0, 0] = 255


def chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png(raw: bytes, *extra: bytes, bits: int = 8, color: int = 2, interlaced: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 40, bits, color, 0, 0, interlaced))
    body = b"".join(extra) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def rows(values: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in values)


def put(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "a.png").write_bytes(data)
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b'{"class_type": "KSampler"}, ' * 100_000)),
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"tEXt", b"Comment\0words", checksum=0),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(2_000_000))),
        chunk(b"pHYs", b"\0", checksum=7),
    ],
)
def test_damaged_or_huge_metadata_is_left_out(tmp_path: Path, extra: bytes) -> None:
    decoded = decode_image(put(tmp_path, png(rows(PIXELS), extra)))
    np.testing.assert_array_equal(decoded.pixels, PIXELS)
    (notice,) = decoded.notices
    assert notice.code == "metadata-skipped" and "expected" not in notice


def test_exif_still_turns_what_is_read_without_texts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    extra = chunk(b"eXIf", exif.tobytes()[6:]) + chunk(b"tEXt", b"Comment\0words", checksum=0)
    np.testing.assert_array_equal(read_image(put(tmp_path, png(rows(PIXELS), extra))), PIXELS[::-1, ::-1])


@pytest.mark.parametrize("there", [0, 1, 20, 39])
@pytest.mark.parametrize("bits", [8, 16])
def test_rows_that_are_missing(tmp_path: Path, there: int, bits: int) -> None:
    values = PIXELS if bits == 8 else (PIXELS.astype(np.uint16) * 257).astype(">u2")
    with pytest.raises(ImageError, match=f"{there} of 40 rows are there"):
        read_image(put(tmp_path, png(rows(values[:there]), bits=bits)))


def test_pixels_that_are_missing_in_an_interlaced_image(tmp_path: Path) -> None:
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    raw = b"".join(rows(PIXELS[top::down, left::right]) for left, top, right, down in passes)
    np.testing.assert_array_equal(read_image(put(tmp_path, png(raw, interlaced=1))), PIXELS)
    with pytest.raises(ImageError, match="75% of the pixels are there"):
        read_image(put(tmp_path, png(raw[: len(raw) * 3 // 4], interlaced=1)))


def test_black_rows_at_the_end_are_no_missing_ones(tmp_path: Path) -> None:
    black = PIXELS.copy()
    black[20:] = 0
    np.testing.assert_array_equal(read_image(put(tmp_path, png(rows(black)))), black)


def test_how_much_of_a_truncated_file_is_there(tmp_path: Path) -> None:
    data = png(rows(PIXELS))
    with pytest.raises(ImageError, match=r"truncated PNG data: \d+ of 40 rows are there"):
        read_image(put(tmp_path, data[: len(data) // 2]))


@pytest.mark.parametrize("missing", [12, 5])
def test_the_end_chunk_may_be_missing(tmp_path: Path, missing: int) -> None:
    decoded = decode_image(put(tmp_path, png(rows(PIXELS))[:-missing]))
    np.testing.assert_array_equal(decoded.pixels, PIXELS)
    assert [notice.code for notice in decoded.notices] == ["no-end-marker"]


def test_what_follows_the_end_is_said(tmp_path: Path) -> None:
    decoded = decode_image(put(tmp_path, png(rows(PIXELS)) + bytes(123)))
    assert [(notice.code, notice.value) for notice in decoded.notices] == [("trailing-data", 123)]


def test_10_bits_in_16(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "color.png"), PIXELS[..., ::-1].astype(np.uint16) * 4)
    cv2.imwrite(str(tmp_path / "gray.png"), PIXELS[..., 0].astype(np.uint16) * 4)
    np.testing.assert_array_equal(read_image(tmp_path / "color.png"), PIXELS)
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png")[..., 1], PIXELS[..., 0])


@pytest.mark.parametrize("factor", [257, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_with_transparency(tmp_path: Path, factor: int, channels: int) -> None:
    deep = PIXELS[..., :channels].astype(np.uint16) * factor
    alpha = np.full((40, 24, 1), 65535, np.uint16)
    alpha[:, :10] = 0
    raw = rows(np.dstack([deep, alpha]).astype(">u2"))
    pixels = read_image(put(tmp_path, png(raw, bits=16, color=4 if channels == 1 else 6)))
    assert (pixels[:, :10] == 255).all()
    np.testing.assert_array_equal(pixels[:, 10:, :channels], PIXELS[:, 10:, :channels])


def test_too_many_chunks_are_refused(tmp_path: Path) -> None:
    data = png(rows(PIXELS), chunk(b"tEXt", b"") * (MAX_CHUNKS + 1))
    with pytest.raises(ImageError, match="more than 100,000 chunks"):
        read_image(put(tmp_path, data))


def test_the_transparent_gray_of_16_bits_is_white(tmp_path: Path) -> None:
    values = np.full((40, 24), 0x8080, ">u2")
    values[:, 12:] = 0x4040
    data = png(rows(values), chunk(b"tRNS", b"\x40\x40"), bits=16, color=0)
    pixels = read_image(put(tmp_path, data))
    assert (pixels[:, :12] == 128).all() and (pixels[:, 12:] == 255).all()


def test_indices_without_a_palette_are_not_black(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="it has no palette"):
        read_image(put(tmp_path, png(rows(PIXELS[..., 0]), color=3)))


@pytest.mark.parametrize(
    "kind, words", [(b"CgBI", "optimized for iOS"), (b"prVt", "its header is not its first chunk")]
)
def test_a_chunk_before_the_header(tmp_path: Path, kind: bytes, words: str) -> None:
    whole = png(rows(PIXELS))
    with pytest.raises(ImageError, match=words):
        read_image(put(tmp_path, whole[:8] + chunk(kind, b"\x50\x00\x20\x02") + whole[8:]))
