"""Other formats: values of more than 8 bits, animations, and what is refused by its name."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vision.images import ImageError, check_header, common_white, decode_image, read_image
from vision.images.memory import PIXELS_AT_A_TIME, decoding_turn
from vision.stereo_io import read_gray

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
PIXELS[0, 0] = 255
GRAY = PIXELS[..., 0]


def put(tmp_path: Path, name: str, data: bytes) -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize("channels", [3, 4])
def test_highlights_of_a_jpeg_2000_of_16_bits_stay_white(tmp_path: Path, channels: int) -> None:
    deep = np.full((64, 64, channels), 65535, np.uint16)
    deep[32:, :, :3] = 0x8080
    cv2.imwrite(str(tmp_path / "a.jp2"), deep, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    decoded = decode_image(tmp_path / "a.jp2")
    assert (decoded.pixels[:32] == 255).all() and (decoded.pixels[32:] == 128).all()
    assert (decoded.format, decoded.notices) == ("JPEG2000", [])


@pytest.mark.parametrize(("most", "factor"), [(65535, 257), (65535, 16), (65535, 4), (4095, 16), (1023, 4), (1020, 4)])
def test_pnm_of_more_than_8_bits(tmp_path: Path, most: int, factor: int) -> None:
    header = f" 40 24 {most}\n".encode()
    deep = PIXELS.astype(np.uint16) * factor
    color = put(tmp_path, "a.ppm", b"P6" + header + deep.astype(">u2").tobytes())
    gray = put(tmp_path, "a.pgm", b"P5" + header + deep[..., 0].astype(">u2").tobytes())
    text = put(tmp_path, "t.ppm", b"P3" + header + b"# a remark\n" + " ".join(map(str, deep.ravel())).encode())
    np.testing.assert_array_equal(read_image(color), PIXELS)
    np.testing.assert_array_equal(read_image(text), PIXELS)
    np.testing.assert_array_equal(read_image(gray)[..., 0], GRAY)
    np.testing.assert_array_equal(read_gray(gray), deep[..., 0])  # a measurement is never scaled


def test_pnm_that_ends_early(tmp_path: Path) -> None:
    path = put(tmp_path, "a.ppm", b"P6 40 24 65535\n" + bytes(2 * 40 * 24 * 3 - 2))
    with pytest.raises(ImageError, match="truncated"):
        read_image(path)


def test_pfm_is_upright(tmp_path: Path) -> None:
    data = (GRAY[::-1] / 255).astype("<f4").tobytes()
    np.testing.assert_array_equal(read_image(put(tmp_path, "a.pfm", b"Pf\n40 24\n-1.0\n" + data))[..., 2], GRAY)


def test_one_white_for_several(tmp_path: Path) -> None:
    for name, brightest in (("a", 900), ("b", 3000)):
        values = np.full((16, 16), brightest, ">u2")
        put(tmp_path, f"{name}.pgm", b"P5 16 16 65535\n" + values.tobytes())
    Image.fromarray(PIXELS).save(tmp_path / "c.png")
    names = [tmp_path / name for name in ("a.pgm", "b.pgm", "c.png")]
    assert [common_white(names), common_white(names[:1]), common_white(names[2:])] == [4095, 1023, 65535]
    assert common_white([*names, tmp_path / "missing.png"]) == 65535


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif", "tif"])
def test_frames_are_counted(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.roll(PIXELS, 5 * step, axis=0)) for step in range(4)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / f"one.{suffix}")
    assert decode_image(tmp_path / f"a.{suffix}").frames == 4
    assert decode_image(tmp_path / f"one.{suffix}").frames == 1


def test_comments_of_a_gif_have_a_limit(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "a.gif")
    data = (tmp_path / "a.gif").read_bytes()
    place = data.index(b"\x2c", 13 + 768)
    many, long = b"\x21\xfe\1a\0" * 10_001, b"\x21\xfe" + (b"\xff" + bytes(255)) * 8000 + b"\0"
    for comments in (many, long):
        path = put(tmp_path, "b.gif", data[:place] + comments + data[place:])
        with pytest.raises(ImageError, match="extensions") as caught:
            read_image(path)
        assert caught.value.code == "image-too-complex"
    np.testing.assert_array_equal(
        read_image(put(tmp_path, "b.gif", data[:place] + many[:5000] + data[place:])), read_image(tmp_path / "a.gif")
    )


def test_frames_are_never_more_than_1000(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", save_all=True, append_images=[Image.fromarray(PIXELS[::-1])])
    data = (tmp_path / "a.png").read_bytes()
    place = data.index(b"acTL")
    claim = b"acTL" + struct.pack(">II", 2**31 - 1, 0)
    forged = data[:place] + claim + struct.pack(">I", zlib.crc32(claim)) + data[place + 16 :]
    assert decode_image(put(tmp_path, "b.png", forged)).frames == 2


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_canvases_of_animations_are_smaller(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.roll(PIXELS, step, axis=0)) for step in range(2)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / f"one.{suffix}")
    with pytest.raises(ImageError, match="an animation of 960 pixels; the limit is 959") as caught:
        read_image(tmp_path / f"a.{suffix}", max_pixels=4 * 959)
    assert caught.value.code == "too-many-pixels"
    assert read_image(tmp_path / f"one.{suffix}", max_pixels=960).shape == (24, 40, 3)


def test_a_canvas_around_a_single_frame(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "frame.webp", lossless=True)
    frame = (tmp_path / "frame.webp").read_bytes()[12:]
    size = (9999).to_bytes(3, "little")
    parts = [(b"VP8X", b"\2\0\0\0" + size * 2), (b"ANIM", bytes(6))]
    parts.append((b"ANMF", bytes(6) + (15).to_bytes(3, "little") * 2 + bytes(4) + frame))
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in parts
    )
    path = put(tmp_path, "a.webp", b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(ImageError, match="an animation of 100,000,000 pixels; the limit is 25,000,000"):
        read_image(path)


def test_jpeg_2000_has_a_smaller_limit(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.jp2")
    assert read_image(tmp_path / "a.jp2", max_pixels=1920).shape == (24, 40, 3)
    with pytest.raises(ImageError, match="a JPEG 2000 image of 960 pixels; the limit is 959, half of max_pixels"):
        read_image(tmp_path / "a.jp2", max_pixels=1919)


def test_large_webp_is_decoded_without_a_canvas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    layer = np.dstack([PIXELS, np.full((24, 40), 255, np.uint8)])
    layer[:, :10, 3] = 0
    Image.fromarray(layer).save(tmp_path / "a.webp", lossless=True, exact=True, exif=exif)
    before = read_image(tmp_path / "a.webp")
    monkeypatch.setattr("vision.images.formats._LARGE_WEBP", 100)
    np.testing.assert_array_equal(read_image(tmp_path / "a.webp"), before)


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(body) + 8) + b"ftyp" + body


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ftyp(b"crx ", b"crx "), "Canon CR3"),
        (ftyp(b"isom", b"mp42"), "a video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm RAF"),
        (b"IIU\0\x18\0\0\0", "Panasonic RW2"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_foreign_files_are_called_by_their_names(tmp_path: Path, data: bytes, words: str) -> None:
    path = put(tmp_path, "a", data + bytes(60))
    for look in (read_image, check_header):
        with pytest.raises(ImageError) as caught:
            look(path)
        assert words in caught.value.reason and "damaged" not in caught.value.reason


def test_avif_of_a_general_brand_is_decoded(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    path = put(tmp_path, "b.avif", data.replace(b"ftypavif", b"ftypmif1", 1))
    assert read_image(path).shape == (24, 40, 3)


def test_large_images_are_decoded_one_at_a_time() -> None:
    order: list[str] = []

    def second() -> None:
        with decoding_turn(PIXELS_AT_A_TIME * 5):
            order.append("second")

    with decoding_turn(PIXELS_AT_A_TIME // 2):
        thread = threading.Thread(target=second)
        thread.start()
        with decoding_turn(PIXELS_AT_A_TIME // 2):  # small ones side by side
            time.sleep(0.05)
            order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
