"""TIFF: the picture and not its thumbnail, with the values that it has, or a refusal that says why."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from vision.images import ImageError, check_header, common_white, decode_image, read_image

ROWS, COLUMNS = np.mgrid[0:48, 0:64]
COLOR = np.stack([ROWS * 5 + 3, COLUMNS * 3 + 9, 255 - COLUMNS * 4], axis=-1).astype(np.uint8)
COLOR[0, 0], COLOR[0, 1] = 0, 255
GRAY = COLOR[..., 0]
GRAY_RGB = np.repeat(GRAY[..., None], 3, axis=2)
COLOR16 = COLOR.astype(np.uint16) * 257
OPAQUE = np.full((48, 64, 1), 65535, np.uint16)


def written(path: Path, *values: np.ndarray, **options: Any) -> Path:
    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(values):
            kinds = options.get("kinds", {})
            plain = {name: value for name, value in options.items() if name != "kinds"}
            file.write(page, **plain, **({"subfiletype": kinds[number]} if kinds else {}))
    return path


def error_of(path: Path) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    return caught.value


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (GRAY.astype(np.uint16) * 257, {"photometric": "miniswhite"}, 255 - GRAY_RGB),
        (GRAY, {"photometric": "miniswhite"}, 255 - GRAY_RGB),
        ((GRAY / 255).astype(np.float32), {"photometric": "miniswhite"}, 255 - GRAY_RGB),
        (np.moveaxis(COLOR16, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}, COLOR),
        (np.moveaxis(COLOR16, -1, 0), {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"}, COLOR),
        (np.moveaxis(COLOR, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}, COLOR),
        (COLOR16, {"photometric": "rgb", "compression": "zlib", "predictor": True}, COLOR),
        (COLOR16, {"photometric": "rgb", "tile": (16, 32), "byteorder": ">"}, COLOR),
        (COLOR16, {"photometric": "rgb", "bigtiff": True}, COLOR),
        ((COLOR / 255).astype(np.float32), {"photometric": "rgb"}, COLOR),
        ((GRAY / 255).astype(np.float16), {}, GRAY_RGB),
        (GRAY / 255, {}, GRAY_RGB),
        (np.dstack([COLOR16, OPAQUE]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, COLOR),
        (np.dstack([COLOR16, OPAQUE * 0]), {"photometric": "rgb", "extrasamples": ["unspecified"]}, COLOR),
    ],
)
def test_values_are_those_of_the_file(
    tmp_path: Path, values: np.ndarray, options: dict[str, Any], expected: np.ndarray
) -> None:
    big = {"bigtiff": options.pop("bigtiff")} if "bigtiff" in options else {}
    order = {"byteorder": options.pop("byteorder")} if "byteorder" in options else {}
    with tifffile.TiffWriter(tmp_path / "a.tif", **big, **order) as file:
        file.write(values, **options)
    decoded = decode_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(decoded.pixels, expected)
    assert decoded.notices == [] and decoded.format == "TIFF"


def test_transparent_parts_of_deep_colors_are_white(tmp_path: Path) -> None:
    alpha = OPAQUE.copy()
    alpha[:, :20] = 0
    path = written(tmp_path / "a.tif", np.dstack([COLOR16, alpha]), photometric="rgb", extrasamples=["unassalpha"])
    pixels = read_image(path)
    assert (pixels[:, :20] == 255).all()
    np.testing.assert_array_equal(pixels[:, 20:], COLOR[:, 20:])


@pytest.mark.parametrize(("factor", "bits", "white"), [(1, 8, 255), (4, 10, 1023), (16, 12, 4095), (64, 14, 16383)])
def test_white_of_a_camera_with_less_than_16_bits(tmp_path: Path, factor: int, bits: int, white: int) -> None:
    path = written(tmp_path / "a.tif", COLOR.astype(np.uint16) * factor, photometric="rgb")
    decoded = decode_image(path)
    np.testing.assert_array_equal(decoded.pixels, COLOR)
    (notice,) = decoded.notices
    assert (notice.code, notice.value) == ("white-found", 255 * factor)
    assert f"read as {bits} bits, {white:,} is white" in notice
    assert common_white([path]) == white
    np.testing.assert_array_equal(read_image(path, white=65535), (COLOR.astype(int) * factor) >> 8)


@pytest.mark.parametrize("kind", ["uint32", "int32", "uint64", "int16"])
def test_whole_numbers_in_more_bytes_than_they_need(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "a.tif", GRAY.astype(kind))
    np.testing.assert_array_equal(read_image(path), GRAY_RGB)


def test_32_bits_in_full(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", GRAY.astype(np.uint32) * 0x01010101)
    np.testing.assert_array_equal(read_image(path), GRAY_RGB)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (GRAY.astype(np.int16) - 100, "run from -100"),
        ((GRAY / 255 * 6).astype(np.float32), "run from 0 to 6"),
        (np.where(GRAY == 0, np.nan, GRAY / 255).astype(np.float32), "no number"),
        ((GRAY / 255).astype(np.complex64), "complex64"),
    ],
)
def test_measurements_have_no_white(tmp_path: Path, values: np.ndarray, words: str) -> None:
    error = error_of(written(tmp_path / "a.tif", values))
    assert words in error.reason and error.code == "bad-values"


def test_12_bits_packed(tmp_path: Path) -> None:
    values = GRAY.astype(np.uint32).ravel() << 4 | 5
    packed = (values[::2] << 12 | values[1::2]).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    path = tmp_path / "a.tif"
    path.write_bytes(one_page({256: 64, 257: 48, 258: 12, 259: 1, 262: 1, 277: 1, 278: 48, 279: len(packed)}, packed))
    decoded = decode_image(path)
    np.testing.assert_array_equal(decoded.pixels, GRAY_RGB)
    assert decoded.notices == []  # the file says its bits


def one_page(tags: dict[int, int], data: bytes) -> bytes:
    """A TIFF file of one directory whose values are short; the strip is behind it."""
    tags = tags | {273: 8 + 2 + 12 * (len(tags) + 1) + 4}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + data


@pytest.mark.parametrize("kinds", [{0: 1, 1: 0}, {}])
@pytest.mark.parametrize("picture", [COLOR, COLOR16])
def test_the_thumbnail_comes_first(tmp_path: Path, kinds: dict[int, int], picture: np.ndarray) -> None:
    path = written(tmp_path / "a.tif", np.ascontiguousarray(COLOR[::4, ::4]), picture, photometric="rgb", kinds=kinds)
    np.testing.assert_array_equal(read_image(path), COLOR)


@pytest.mark.parametrize(("first", "second"), [((COLOR[::4, ::4], 1), (COLOR, 0)), ((COLOR, 0), (COLOR[::2, ::2], 1))])
def test_images_below_a_page(tmp_path: Path, first: tuple[np.ndarray, int], second: tuple[np.ndarray, int]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.ascontiguousarray(first[0]), photometric="rgb", subfiletype=first[1], subifds=1)
        file.write(np.ascontiguousarray(second[0]), photometric="rgb", subfiletype=second[1])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), COLOR)


def test_nothing_but_a_reduced_copy(tmp_path: Path) -> None:
    decoded = decode_image(written(tmp_path / "a.tif", COLOR, photometric="rgb", kinds={0: 1}))
    np.testing.assert_array_equal(decoded.pixels, COLOR)
    assert [notice.code for notice in decoded.notices] == ["reduced-image"]


def test_pages_are_counted(tmp_path: Path) -> None:
    decoded = decode_image(written(tmp_path / "a.tif", COLOR, COLOR[::-1], COLOR, photometric="rgb"))
    np.testing.assert_array_equal(decoded.pixels, COLOR)
    assert decoded.frames == 3


def test_a_chain_of_pages_that_bites_its_tail(tmp_path: Path) -> None:
    data = bytearray(one_page({256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 277: 1, 278: 48, 279: 3072}, GRAY.tobytes()))
    struct.pack_into("<I", data, 8 + 2 + 12 * 9, 8)
    (tmp_path / "a.tif").write_bytes(bytes(data))
    decoded = decode_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(decoded.pixels, GRAY_RGB)
    assert decoded.frames == 1


def test_a_size_that_is_a_list(tmp_path: Path) -> None:
    plain = one_page({256: 64, 257: 1 << 30, 258: 8, 259: 1, 262: 1, 277: 1, 278: 48, 279: 3072}, GRAY.tobytes())
    several = plain.replace(struct.pack("<HHII", 256, 4, 1, 64), struct.pack("<HHII", 256, 4, 700, 150))
    (tmp_path / "a.tif").write_bytes(several)
    assert "no size" in error_of(tmp_path / "a.tif").reason


def test_raw_files_are_refused_by_name(tmp_path: Path) -> None:
    size = {256: 64, 257: 48, 277: 1, 278: 48, 279: 3072}
    files = {
        "DNG": one_page(size | {258: 8, 259: 1, 262: 1, 50706: 0x0401}, GRAY.tobytes()),
        "Nikon NEF": one_page(size | {258: 8, 259: 34713, 262: 1}, GRAY.tobytes()),
        "sensor data": one_page(size | {258: 8, 259: 1, 262: 32803}, GRAY.tobytes()),
        "Canon CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(100),
    }
    for name, data in files.items():
        (tmp_path / "a.tif").write_bytes(data)
        error = error_of(tmp_path / "a.tif")
        assert name in error.reason and "develop it" in error.reason and error.code == "raw-image"
        with pytest.raises(ImageError, match="develop it"):
            check_header(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({259: 33003}, "compression APERIO_JP2000_YCBC (33003)"),
        ({259: 60001}, "compression unknown (60001)"),
        ({262: 8, 277: 3}, "CIELab"),
        ({277: 5}, "5 channels"),
        ({277: 3}, "3 channels"),
        ({262: 6, 277: 3}, "YCbCr colors in blocks"),
        ({322: 1 << 16, 323: 1 << 16, 324: 8, 325: 8}, "strips or tiles"),
    ],
)
def test_what_cannot_be_decoded_is_said(tmp_path: Path, tags: dict[int, int], words: str) -> None:
    plain = {256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 277: 1, 278: 48, 279: 3072}
    (tmp_path / "a.tif").write_bytes(one_page(plain | tags, bytes(9216)))
    reason = error_of(tmp_path / "a.tif").reason
    assert words in reason and "damaged" not in reason


@pytest.mark.parametrize("values", [COLOR, COLOR16])
def test_how_much_of_a_truncated_file_is_there(tmp_path: Path, values: np.ndarray) -> None:
    path = written(tmp_path / "a.tif", values, photometric="rgb")
    path.write_bytes(path.read_bytes()[: -values.nbytes // 4])
    assert f"{values.nbytes * 3 // 4:,} of {values.nbytes:,} bytes of the pixels are there" in error_of(path).reason


@pytest.mark.parametrize("bits", [8, 16])
def test_strips_that_no_offset_names(tmp_path: Path, bits: int) -> None:
    tags = {256: 64, 257: 48, 258: bits, 259: 1, 262: 1, 277: 1, 278: 1, 279: 3072 * bits // 8}
    (tmp_path / "a.tif").write_bytes(one_page(tags, bytes(3072 * bits // 8)))
    assert "1 of 48 strips or tiles are there" in error_of(tmp_path / "a.tif").reason


@pytest.mark.parametrize(
    ("photometric", "samples", "names", "expected"),
    [(0, 2, {338: 2}, 55), (1, 2, {}, 200), (5, 5, {338: 0}, 12)],  # white is zero; unnamed; C M Y K of 200
)
def test_channels_that_pillow_does_not_know(
    tmp_path: Path, photometric: int, samples: int, names: dict[int, int], expected: int
) -> None:
    data = bytes([200] * (samples - 1) + [255]) * 3072
    tags = {256: 64, 257: 48, 258: 8, 259: 1, 262: photometric, 277: samples, 278: 48, 279: len(data)}
    (tmp_path / "a.tif").write_bytes(one_page(tags | names, data))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), np.full((48, 64, 3), expected))


def test_strips_that_inflate_to_more_than_the_image(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(3_000_000))
    tags = {256: 64, 257: 48, 258: 16, 259: 8, 262: 1, 277: 1, 278: 48, 279: len(bomb)}
    (tmp_path / "a.tif").write_bytes(one_page(tags, bomb))
    assert "inflates to more" in error_of(tmp_path / "a.tif").reason


@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_of_deep_values(tmp_path: Path, orientation: int) -> None:
    path = written(tmp_path / "a.tif", COLOR16, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    expected = {3: COLOR[::-1, ::-1], 6: np.rot90(COLOR, -1)}[orientation]
    np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize(
    "orientation, expected",
    [(3, GRAY_RGB[::-1, ::-1]), (5, GRAY_RGB.swapaxes(0, 1)), (6, np.rot90(GRAY_RGB, -1)), (8, np.rot90(GRAY_RGB))],
)
def test_orientation_of_gray_without_compression(tmp_path: Path, orientation: int, expected: np.ndarray) -> None:
    tag = (274, "H", 1, orientation, True)
    path = written(tmp_path / "a.tif", GRAY, photometric="minisblack", extratags=[tag])
    np.testing.assert_array_equal(read_image(path), expected)


def test_a_palette_in_8_bits(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint16)
    colors = np.stack([ramp, 255 - ramp, np.full(256, 7, np.uint16)])
    path = written(tmp_path / "a.tif", GRAY, photometric="palette", colormap=colors)
    np.testing.assert_array_equal(read_image(path), np.stack([GRAY, 255 - GRAY, np.full_like(GRAY, 7)], axis=-1))


def test_compressions_that_only_libtiff_decodes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "lzw.tif"), COLOR16[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(tmp_path / "gray.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "lzw.tif"), COLOR)
    np.testing.assert_array_equal(read_image(tmp_path / "gray.tif"), GRAY_RGB)
