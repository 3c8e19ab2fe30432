"""Reading images: every common kind comes out as upright uint8 RGB, every bad file as one clear line."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from vision.images import ImageError, read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
GRAY16 = PIXELS[..., 0].astype(np.uint16) * 257
LOSSLESS = ("png", "bmp", "tif", "ppm")


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """An 8-bit RGB PNG whose header claims any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def reason_of(path: Path | str, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path, **options)
    assert "\n" not in caught.value.reason
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    return caught.value.reason


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_keep_every_value(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(PIXELS).save(path)
    image = read_image(path)
    assert image.dtype == np.uint8 and image.flags.writeable
    np.testing.assert_array_equal(image, PIXELS)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "jp2", "gif"])
def test_other_formats_decode(tmp_path: Path, suffix: str) -> None:
    smooth = cv2.resize(PIXELS[:4, :4], (40, 24), interpolation=cv2.INTER_LINEAR)
    Image.fromarray(smooth).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.shape == (24, 40, 3)
    assert np.abs(image.astype(int) - smooth).mean() < 12


def test_gray(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.repeat(PIXELS[..., :1], 3, axis=2))


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[..., 0] > 127).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 1], np.where(PIXELS[..., 0] > 127, 255, 0))


@pytest.mark.parametrize("name", ["gray.png", "gray.tif", "gray.pgm"])
def test_16_bit_gray_is_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / name), GRAY16)
    np.testing.assert_array_equal(read_image(tmp_path / name)[..., 2], PIXELS[..., 0])


@pytest.mark.parametrize("name", ["color.png", "color.tif", "color.ppm"])
def test_16_bit_color(tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / name), PIXELS[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / name), PIXELS)


def test_big_endian_16_bit_gray(tmp_path: Path) -> None:
    height, width = GRAY16.shape
    entries = [(256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 4, height), (279, 4, GRAY16.nbytes)]
    directory = struct.pack(">H", len(entries))
    for tag, kind, value in entries:
        packed = struct.pack(">I", value) if kind == 4 else struct.pack(">HH", value, 0)
        directory += struct.pack(">HHI", tag, kind, 1) + packed
    data = GRAY16.astype(">u2").tobytes()
    (tmp_path / "a.tif").write_bytes(b"MM\0*" + struct.pack(">I", 8 + len(data)) + data + directory + b"\0" * 4)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], PIXELS[..., 0])


def test_float_gray(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[..., 0] / np.float32(255)).save(tmp_path / "unit.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "unit.tif")[..., 0], PIXELS[..., 0])
    Image.fromarray(PIXELS[..., 0].astype(np.float32) - 300).save(tmp_path / "signed.tif")
    assert "run from -300 to -45" in reason_of(tmp_path / "signed.tif")


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    layer = np.dstack([PIXELS, np.full((24, 40), 255, np.uint8)])
    layer[:, :20, 3] = 0
    Image.fromarray(layer).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image[:, :20] == 255).all()
    np.testing.assert_array_equal(image[:, 20:], PIXELS[:, 20:])


def test_palette_with_transparency(tmp_path: Path) -> None:
    indices = Image.new("P", (16, 16), 1)
    indices.putpalette([10, 20, 30, 200, 100, 50])
    indices.putpixel((3, 4), 0)
    indices.save(tmp_path / "a.png", transparency=0)
    image = read_image(tmp_path / "a.png")
    assert image[4, 3].tolist() == [255, 255, 255]
    assert image[0, 0].tolist() == [200, 100, 50]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").reshape(-1, 3).mean(0) - (200, 40, 90)).max() < 6


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_an_animation(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    assert read_image(tmp_path / f"a.{suffix}")[8, 8].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    # How the stored rows and columns must be turned to stand upright, by the EXIF standard.
    turn: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(tmp_path / f"a.{suffix}", exif=exif, lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), turn[orientation](PIXELS))


def test_malformed_exif_does_not_matter(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\x7fnonsense")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PIXELS)


@pytest.mark.parametrize("name", ["日本語 ünïcode 🎨.png", "n" * 240 + ".png", "[brackets] * and 'quotes'.png"])
def test_unusual_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(png(8, 8, b"\0" * 200))
    assert read_image(tmp_path / name).shape == (8, 8, 3)


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not an image, whatever the name says")
    assert "no such file" in reason_of(tmp_path / "missing.jpg")
    assert "empty (0 bytes)" in reason_of(tmp_path / "empty.jpg")
    assert "not an image of a known kind" in reason_of(tmp_path / "text.jpg")
    assert "too long" in reason_of(tmp_path / ("n" * 300))
    assert "usable file name" in reason_of("a\0b.png")


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert "a folder" in reason_of(tmp_path)
    assert "a pipe" in reason_of(tmp_path / "pipe")  # and does not wait for a writer
    assert "a device" in reason_of(os.devnull)
    assert "broken symbolic link to 'nowhere'" in reason_of(tmp_path / "link")
    assert "loop" in reason_of(tmp_path / "loop")
    assert "not a folder" in reason_of(tmp_path / "file" / "inside.png")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything

        def refuse(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("vision.images.files.os.open", refuse)
    assert "no permission to read" in reason_of(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "tif", "bmp", "avif", "jp2", "ppm"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(PIXELS).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: max(20, int(len(data) * share))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "look for another copy" in reason_of(path)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_random_damage_is_an_image_error_or_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "a"
    for suffix in ("jpg", "png", "gif", "webp", "tif", "avif"):
        Image.fromarray(PIXELS).save(tmp_path / f"whole.{suffix}")
        data = np.frombuffer((tmp_path / f"whole.{suffix}").read_bytes(), np.uint8)
        for _ in range(60):
            damaged = data.copy()
            damaged[rng.integers(0, len(data), 6)] = rng.integers(0, 256, 6)
            path.write_bytes(damaged.tobytes())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    assert read_image(path).dtype == np.uint8
                except ImageError as error:
                    assert "\n" not in error.reason


def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(60_000, 50_000))
    reason = reason_of(tmp_path / "bomb.png")
    assert "3,000,000,000" in reason and "100,000,000 (max_pixels)" in reason
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "bomb.png")
    assert (caught.value.code, caught.value.value) == ("too-many-pixels", 3_000_000_000)
    (tmp_path / "small.png").write_bytes(png(16, 16, (b"\0" * 49) * 16))
    assert "256" in reason_of(tmp_path / "small.png", max_pixels=255)
    assert read_image(tmp_path / "small.png", max_pixels=256).shape == (16, 16, 3)


@pytest.mark.parametrize("suffix", ["webp", "tif", "png"])
def test_max_pixels_lifts_the_limit_of_pillow_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(PIXELS).save(path, lossless=True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(read_image(path, max_pixels=1000), PIXELS)
    assert Image.MAX_IMAGE_PIXELS == 100
    assert "the limit is 150 (max_pixels)" in reason_of(path, max_pixels=150)


def test_threads_do_not_disturb_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.webp", lossless=True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda _: read_image(tmp_path / "a.webp", max_pixels=2000), range(40)))
    assert all((image == PIXELS).all() for image in images)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("size", [(7, 8), (8, 7), (1, 1)])
def test_under_8_by_8(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    assert f"{size[0]} x {size[1]}" in reason_of(tmp_path / "a.png")
