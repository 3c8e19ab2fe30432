"""JPEG: what is cut off is told, what only lacks its end is judged, and decoding ends."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.images import ImageError, decode_image, read_image
from vision.images.jpeg import MAX_SEGMENTS, check_scans, quality_of

ROWS, COLUMNS = np.mgrid[0:128, 0:160]
PIXELS = np.stack([(ROWS * COLUMNS) % 251, ROWS * 2, 255 - COLUMNS], axis=-1).astype(np.uint8)


def jpeg(quality: int = 90, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def decoded_by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def put(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "a.jpg").write_bytes(data)
    return tmp_path / "a.jpg"


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_only_the_end_marker_is_missing(tmp_path: Path, options: dict[str, object], missing: int) -> None:
    whole = jpeg(**options)
    decoded = decode_image(put(tmp_path, whole[:-missing]))
    np.testing.assert_array_equal(decoded.pixels, decoded_by_pillow(whole))
    assert [notice.code for notice in decoded.notices] == ["no-end-marker"]


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_how_many_rows_are_there(tmp_path: Path, end: bytes) -> None:
    whole = jpeg(subsampling=0)
    cut = whole[: len(whole) // 2] + end
    with pytest.raises(ImageError, match="truncated JPEG data: about ") as caught:
        read_image(put(tmp_path, cut))
    said = int(caught.value.reason.partition("about ")[2].partition("%")[0])
    # What a decoder makes of the rest is gray.
    there = (decoded_by_pillow(cut + b"\xff\xd9") != 128).any(axis=(1, 2)).mean() * 100
    assert abs(said - there) < 8
    assert "save" not in caught.value.reason


def test_a_few_missing_bytes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="truncated"):
        read_image(put(tmp_path, jpeg()[:-12]))


def test_scans_that_are_missing(tmp_path: Path) -> None:
    whole = jpeg(progressive=True)
    last = whole.rindex(b"\xff\xda")
    with pytest.raises(ImageError, match="only together have all details"):
        read_image(put(tmp_path, whole[:last]))
    decoded = decode_image(put(tmp_path, whole[:last] + b"\xff\xd9"))
    assert [notice.code for notice in decoded.notices] == ["scans-missing"]


def test_gray_is_no_sign_of_what_is_missing(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (128, 128, 128)).save(tmp_path / "a.jpg")
    assert (read_image(tmp_path / "a.jpg") == 128).all()


def test_what_follows_the_end_is_said(tmp_path: Path) -> None:
    decoded = decode_image(put(tmp_path, jpeg() + bytes(77)))
    assert [(notice.code, notice.value) for notice in decoded.notices] == [("trailing-data", 77)]


def test_damaged_metadata_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = jpeg()
    density = b"\xff\xed" + struct.pack(">H", 40) + b"Photoshop 3.0\0" + b"8BIM\x03\xed" + bytes(18)

    def refuse(*_: object) -> None:
        raise ValueError("damaged profile")

    from PIL import JpegImagePlugin

    monkeypatch.setitem(JpegImagePlugin.MARKER, 0xFFED, ("APP13", "", refuse))
    decoded = decode_image(put(tmp_path, whole[:2] + density + whole[2:]))
    np.testing.assert_array_equal(decoded.pixels, decoded_by_pillow(whole))
    assert [notice.code for notice in decoded.notices] == ["metadata-skipped"]


def test_more_scans_than_anybody_writes(tmp_path: Path) -> None:
    header = b"\xff\xda\0\x08\1\1\0\1\x3f\0"
    whole = jpeg(progressive=True)
    bomb = whole[:-2] + (header + b"\0") * 501 + whole[-2:]
    with pytest.raises(ImageError, match=r"has 5\d\d scans; the limit is 500") as caught:
        read_image(put(tmp_path, bomb))
    assert caught.value.code == "image-too-complex"


def test_large_images_may_have_fewer_scans() -> None:
    check_scans("a.jpg", 100, 100_000_000)
    with pytest.raises(ImageError, match="the limit is 100 for 100,000,000 pixels"):
        check_scans("a.jpg", 101, 100_000_000)


def test_scans_of_thumbnails_do_not_count(tmp_path: Path) -> None:
    inner = (b"\xff\xda\0\x08\1\1\0\1\x3f\0" * 5000)[:60_000]
    whole = jpeg()
    segment = b"\xff\xe2" + struct.pack(">H", len(inner) + 2) + inner
    assert read_image(put(tmp_path, whole[:2] + segment + whole[2:])).shape == (128, 160, 3)


def test_too_many_segments(tmp_path: Path) -> None:
    whole = jpeg()
    with pytest.raises(ImageError, match="more than 100,000 segments"):
        read_image(put(tmp_path, whole[:2] + b"\xff\xfe\0\2" * (MAX_SEGMENTS + 1) + whole[2:]))


@pytest.mark.parametrize("junk", [b"\xff", b"\xff\xd0", b"\0"])
def test_stray_bytes_before_the_first_scan(tmp_path: Path, junk: bytes) -> None:
    whole = jpeg()
    few, many = (whole[:20] + junk * count + whole[20:] for count in (3, 2_000_000))  # behind JFIF's segment
    np.testing.assert_array_equal(read_image(put(tmp_path, few)), decoded_by_pillow(whole))
    with pytest.raises(ImageError, match="stray bytes before its first scan"):
        read_image(put(tmp_path, many))
    with pytest.raises(ImageError, match="ends before its first pixel"):
        read_image(put(tmp_path, b"\xff\xd8\xff" + junk * 2_000_000))


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 83, 90, 95, 100])
def test_quality_is_that_of_the_writer(tmp_path: Path, quality: int) -> None:
    assert decode_image(put(tmp_path, jpeg(quality))).jpeg_quality == quality


def test_quality_of_a_table_of_its_own() -> None:
    table = [round(1.04 * step) for step in Image.open(io.BytesIO(jpeg(80))).quantization[0]]
    assert quality_of({0: table}) in (79, 80)
    assert quality_of(None) is None and quality_of({}) is None


def test_xmp_does_not_turn_an_image(tmp_path: Path) -> None:
    packet = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>'
    whole = jpeg()
    data = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + whole[2:]
    assert read_image(put(tmp_path, data)).shape == (128, 160, 3)
