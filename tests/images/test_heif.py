"""HEIC and HEIF: true pixels within the bounds of other formats, and hostile boxes that cost nothing."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision.images import ImageError, check_header, common_white, decode_image, read_image
from vision.images.heif_boxes import HeifError, HeifItems, read_items

pillow_heif = pytest.importorskip("pillow_heif")

PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
LOSSLESS = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}


def stored(*images: Image.Image | np.ndarray, **options: Any) -> bytes:
    """A HEIC file with these images."""
    first, *others = (Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in images)
    file = pillow_heif.from_pillow(first)
    for other in others:
        file.add_from_pillow(other)
    buffer = io.BytesIO()
    file.save(buffer, **(LOSSLESS | options))
    return buffer.getvalue()


def put(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "a.heic").write_bytes(data)
    return tmp_path / "a.heic"


def error_of(path: Path, max_pixels: int = 100_000_000) -> ImageError:
    for look in (check_header, read_image):
        try:
            look(path, max_pixels)
        except ImageError as error:
            assert "\n" not in error.reason
            return error
    raise AssertionError("it was read")


def test_pixels_are_true(tmp_path: Path) -> None:
    decoded = decode_image(put(tmp_path, stored(PIXELS)))
    np.testing.assert_array_equal(decoded.pixels, PIXELS)
    assert (decoded.format, decoded.frames, decoded.jpeg_quality, decoded.notices) == ("HEIF", 1, None, [])
    decoded.pixels[0] = 0  # owned and writable
    check_header(tmp_path / "a.heic")


def test_gray_and_transparency_over_white(tmp_path: Path) -> None:
    gray = read_image(put(tmp_path, stored(PIXELS[..., 0])))
    np.testing.assert_array_equal(gray, np.repeat(PIXELS[..., :1], 3, axis=2))
    layer = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)])
    layer[:, :32, 3] = 0
    pixels = read_image(put(tmp_path, stored(layer)))
    assert (pixels[:, :32] == 255).all()
    np.testing.assert_array_equal(pixels[:, 32:], PIXELS[:, 32:])


@pytest.mark.parametrize("suffix", ["heic", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_an_image_and_exif_does_not_again(tmp_path: Path, orientation: int, suffix: str) -> None:
    """As phones do, encoders turn by boxes, and leave the orientation in EXIF as well."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=exif)
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        file = pillow_heif.from_bytes(mode="RGB", size=(64, 48), data=PIXELS.tobytes())
        file.info["exif"] = exif.tobytes()
        file.save(path, **LOSSLESS)
        data = path.read_bytes()
        assert (b"irot" in data or b"imir" in data) is (orientation > 1) and b"Exif\0\0" in data
    else:
        Image.fromarray(PIXELS).save(path, exif=exif, quality=100, subsampling="4:4:4")
    expected, pixels = (read_image(name).astype(int) for name in (tmp_path / "a.png", path))
    assert pixels.shape == expected.shape and np.abs(pixels - expected).max() <= (12 if suffix == "avif" else 0)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_ten_bits(tmp_path: Path, channels: int) -> None:
    """1,023 is white, though it is never reached; nothing is guessed by the brightest value."""
    ramp = np.linspace(0, 0.5, 64)[None, :, None] * np.ones((64, 64, channels))
    deep = (ramp * 65535).astype(np.uint16)
    if channels == 4:
        deep[..., 3] = 65535
    mode = {1: "L;16", 3: "RGB;16", 4: "RGBA;16"}[channels]
    file = pillow_heif.from_bytes(mode=mode, size=(64, 64), data=deep.tobytes())
    buffer = io.BytesIO()
    file.save(buffer, **LOSSLESS)
    path = put(tmp_path, buffer.getvalue())
    decoded = decode_image(path)
    expected = np.repeat((deep[..., :1] >> 8).astype(int), 3, axis=2)
    assert decoded.notices == [] and np.abs(decoded.pixels.astype(int) - expected).max() <= 1
    assert common_white([path]) == 65535
    error = error_of(path, 2 * 64 * 64 - 1)
    assert (error.code, error.value) == ("too-many-pixels", 4096) and "half of max_pixels" in error.reason
    assert read_image(path, 2 * 64 * 64).shape == (64, 64, 3)


def test_the_primary_image_of_several(tmp_path: Path) -> None:
    decoded = decode_image(put(tmp_path, stored(PIXELS[::-1].copy(), PIXELS, PIXELS[::-1].copy(), primary_index=1)))
    np.testing.assert_array_equal(decoded.pixels, PIXELS)
    assert decoded.frames == 3


def test_tiles_as_phones_write_them(tmp_path: Path) -> None:
    large = np.kron(PIXELS, np.ones((4, 4, 1), np.uint8))
    decoded = decode_image(put(tmp_path, stored(large, tile_size=128)))
    np.testing.assert_array_equal(decoded.pixels, large)


def test_limits_by_the_header(tmp_path: Path) -> None:
    path = put(tmp_path, stored(PIXELS))
    assert read_image(path, max_pixels=48 * 64).shape == (48, 64, 3)
    error = error_of(path, 48 * 64 - 1)
    assert (error.code, error.value) == ("too-many-pixels", 48 * 64)
    assert "64 x 48 = 3,072 pixels; the limit is 3,071 (max_pixels)" in error.reason
    assert error_of(put(tmp_path, stored(PIXELS[:6, :6]))).code == "too-small"


def test_the_size_before_cropping_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = stored(PIXELS[:47, :63])
    place = data.index(b"clap")
    crop = struct.pack(">IIIIiIiI", 16, 1, 16, 1, 0, 1, 0, 1)
    path = put(tmp_path, data[: place + 4] + crop + data[place + 36 :])
    assert read_image(path, max_pixels=256).shape == (16, 16, 3)
    monkeypatch.setattr("vision.images.heif.SPARE_PIXELS", 64 * 64 - 1)
    error = error_of(path)
    assert error.code == "image-too-complex" and "4,096 pixels, the image 256; the limit is 4,095" in error.reason
    assert error_of(path, 1000).code == "too-many-pixels"


def test_a_header_that_says_less_than_the_pixels(tmp_path: Path) -> None:
    data = stored(np.zeros((512, 512, 3), np.uint8))
    place = data.index(b"ispe") + 8
    path = put(tmp_path, data[:place] + struct.pack(">II", 64, 48) + data[place + 8 :])
    assert error_of(path).code == "damaged-image"


def test_files_that_were_cut_off(tmp_path: Path) -> None:
    data = stored(PIXELS)
    for end in (20, 60, 200, 400, len(data) // 2, len(data) - 1):
        error = error_of(put(tmp_path, data[:end]))
        assert error.code == "damaged-image", error
    assert error.reason.startswith("truncated HEIF (HEIC) data")


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    data = np.frombuffer(stored(PIXELS, quality=50), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = data.copy()
        places = rng.integers(0, min(len(data), 700), rng.integers(1, 6))
        damaged[places] = rng.choice([0, 1, 2, 127, 255], len(places))
        path = put(tmp_path, damaged.tobytes())
        try:
            assert read_image(path, 1_000_000).dtype == np.uint8
        except ImageError as error:
            assert "\n" not in error.reason


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]) + body)


def derived(kind: bytes, count: int, side: int = 256, size: tuple[int, int] = (512, 512), part: int = 2) -> bytes:
    """Boxes of an image, item 1, that is made `count` times of item `part`, whose tile, item 2, has `side` pixels."""
    entries = b"".join(
        full(b"infe", struct.pack(">HH", item, 0) + name + b"\0", 2) for item, name in ((1, kind), (2, b"hvc1"))
    )
    sizes = full(b"ispe", struct.pack(">II", *size)) + full(b"ispe", struct.pack(">II", side, side))
    ipma = full(b"ipma", struct.pack(">IHBBHBB", 2, 1, 1, 1, 2, 1, 2))
    references = full(b"iref", box(b"dimg", struct.pack(">HH", 1, count) + struct.pack(">H", part) * count))
    meta = full(b"pitm", b"\0\1") + full(b"iinf", b"\0\2" + entries) + references
    meta += box(b"iprp", box(b"ipco", sizes) + ipma)
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + full(b"meta", meta)


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (derived(b"grid", 961, 512), "image-too-complex", "251,920,384 pixels, the image 262,144; the limit is 16,000"),
        (derived(b"grid", 900, 9000), "image-too-complex", "tiles have 72,900,000,000"),
        (derived(b"grid", 4, 256, (40_000, 20_000)), "too-many-pixels", "800,000,000"),
        (derived(b"grid", 4, 256, part=1), "damaged-image", "made of each other"),
        (derived(b"grid", 4, 256, part=9), "damaged-image", "has no size"),
        (derived(b"iovl", 1), "damaged-image", "the kind 'iovl'"),
        (derived(b"tmap", 1), "damaged-image", "the kind 'tmap'"),
        (derived(b"grid", 1) + full(b"meta", b""), "damaged-image", "several lists"),
        (derived(b"grid", 1)[:-1], "damaged-image", "ends early"),
        (box(b"ftyp", b"msf1\0\0\0\0hevc") + box(b"moov", bytes(100)), "damaged-image", "no still image"),
        (box(b"ftyp", b"heic\0\0\0\0mif1") + b"\0\0\0\4meta", "damaged-image", "no room"),
        (box(b"ftyp", b"heic\0\0\0\0mif1") + box(b"free", b"") * 30_000, "damaged-image", "too many boxes"),
        (
            box(b"ftyp", b"heic\0\0\0\0mif1") + full(b"meta", bytes(5 << 20)),
            "damaged-image",
            "a list of items of 5,242,8",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_boxes_that_ask_for_too_much_are_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, code: str, words: str
) -> None:
    monkeypatch.setattr(pillow_heif, "HeifFile", None)
    error = error_of(put(tmp_path, data))
    assert error.code == code and words in error.reason


def test_masks_count_as_tiles_do(tmp_path: Path) -> None:
    large = np.zeros((256, 256, 4), np.uint8)
    large[..., 3] = 100
    data = stored(large)
    items = read_items(data)
    (mask,) = items.masks[items.primary]
    assert items.decoded_pixels(mask) == items.decoded_pixels(items.primary) == 256 * 256
    # The same boxes, but item 2 with 81 million pixels is the mask of item 1.
    alpha = derived(b"hvc1", 1, 9000).replace(
        b"dimg" + struct.pack(">HHH", 1, 1, 2), b"auxl" + struct.pack(">HHH", 2, 1, 1)
    )
    error = error_of(put(tmp_path, alpha))
    assert error.code == "image-too-complex" and "81,000,000 pixels, the image 262,144" in error.reason


class Counting(HeifItems):
    """Knows how often an item was asked for."""

    calls = 0

    def decoded_pixels(self, item: int, depth: int = 0) -> int:
        self.calls += 1
        return super().decoded_pixels(item, depth)


def test_images_made_of_images_are_counted_once_each() -> None:
    """Twenty parts of which each has the same twenty, and so on: sums, not a walk over all of them."""
    items = Counting(primary=0)
    levels = [range(20 * level, 20 * level + 20) for level in range(6)]
    for level, names in enumerate(levels):
        for name in names:
            items.kinds[name], items.sizes[name] = b"grid", (8, 8)
            if level < 5:
                items.parts[name] = list(levels[level + 1])
    assert items.decoded_pixels(0) == 64 * 20**5
    assert items.calls <= 1 + 20 + 4 * 400
    deep = HeifItems(kinds=dict.fromkeys(range(99), b"grid"), sizes=dict.fromkeys(range(99), (8, 8)))
    deep.parts = {name: [name + 1] for name in range(98)}
    with pytest.raises(HeifError, match="made of each other"):
        deep.decoded_pixels(0)


@pytest.mark.parametrize(
    "brands", [b"heic....mif1", b"mif1....heic", b"msf1....hevc", b"heix....mif1", b"mif1....mif1"]
)
def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brands: bytes) -> None:
    data = stored(PIXELS)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = error_of(put(tmp_path, box(b"ftyp", brands) + data[data.index(b"meta") - 4 :]))
    assert (error.code, error.value) == ("missing-package", "pillow-heif")
    assert "pip install 'neighborhood-vision[heif]'" in error.reason and "PNG or TIFF" in error.reason


def test_a_damaged_file_of_the_brand_mif1_is_named_as_people_know_it(tmp_path):
    ftyp = b"mif1\0\0\0\0mif1heic"
    path = tmp_path / "a.heic"
    path.write_bytes(
        len(ftyp + bytes(8)).to_bytes(4, "big") + b"ftyp" + ftyp + (48).to_bytes(4, "big") + b"meta" + bytes(40)
    )
    with pytest.raises(ImageError, match=r"damaged or unsupported HEIF \(HEIC\) data"):
        read_image(path)
