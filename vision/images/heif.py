"""HEIC and HEIF images by pillow-heif, which is an extra: its wheels bring libheif and libde265."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from vision.images.deep import DeepImage
from vision.images.errors import ImageError, check_size, cut_off, decoding
from vision.images.heif_boxes import HeifError, read_items

MAX_BYTES = 1 << 29
# The format, and the name by which people know its files.
KIND = "HEIF (HEIC)"
# Of max_pixels: values of more than 8 bits take 20 bytes per pixel on their way.
DEEP_SHARE = 2
# As of TIFF files: what is decoded in all, when tiles and masks exceed the image.
SPARE_PIXELS = 16_000_000
SPARE_FACTOR = 4
_ABSENT = (
    "HEIC/HEIF images are decoded by the package pillow-heif, which is not installed: "
    "pip install 'neighborhood-vision[heif]', or convert it to PNG or TIFF, without loss"
)


@dataclass
class HeifImage:
    """The primary image of a file, not decoded yet.

    Attributes:
        path: stands in errors.
        size: width and height, upright.
        bits: of a value.
        frames: images of the file, such as those of a burst.
        pixels: that are decoded, before anything is cropped.
        source: of pillow-heif.
    """

    path: str | os.PathLike[str]
    size: tuple[int, int]
    bits: int
    frames: int
    pixels: int
    source: Any

    def decode(self) -> Image.Image | DeepImage:
        """Upright pixels: the file's own boxes turn and crop them, its EXIF orientation counts for nothing.

        Raises:
            ImageError: they are damaged or missing.
        """
        with decoding(self.path, KIND), _named(self.path):
            data = self.source.data
            if self.source.size != self.size:
                raise ValueError(f"its header says {self.size}, its pixels are {self.source.size}")
        mode = self.source.mode.split(";")[0]
        if self.bits == 8:
            return Image.frombytes(mode, self.size, data)
        values = np.asarray(self.source)
        values = values.reshape(*values.shape[:2], -1)
        colors = values.shape[2] - (mode[-1] in "Aa")
        alpha = values[..., colors] if colors < values.shape[2] else None
        return DeepImage(values[..., :colors], alpha, mode.endswith("a"), white=(1 << self.bits) - 1)


def open_heif(path: str | os.PathLike[str], file: BinaryIO, max_pixels: int) -> HeifImage:
    """Read the header.

    Args:
        path: stands in errors.
        file: to read.
        max_pixels: refuse a larger image. Encoders make a small one larger, and crop it.

    Raises:
        ImageError: the package is missing, or the file is damaged, too large, or asks for more than its size.
    """
    try:
        import pillow_heif
    except ImportError:
        raise ImageError(path, _ABSENT, code="missing-package", value="pillow-heif") from None
    file.seek(0)
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        reason = f"is a HEIF file of more than {MAX_BYTES:,} bytes; refused"
        raise ImageError(path, reason, code="image-too-complex", value=len(data))
    pixels = _decoded_pixels(path, data, max_pixels)
    with decoding(path, KIND), _named(path):
        opened = pillow_heif.HeifFile(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
        source = opened[opened.primary_index]
        _, _, bits = source.mode.partition(";")
        image = HeifImage(path, source.size, int(bits or 8), len(opened), pixels, source)
    check_size(path, *image.size, max_pixels)
    shown, most = image.size[0] * image.size[1], max_pixels // DEEP_SHARE
    _check_work(path, pixels, shown)
    if image.bits > 8 and shown > most:
        reason = f"is a HEIF image of {shown:,} pixels in {image.bits} bits; the limit is {most:,}, half of max_pixels"
        raise ImageError(path, reason, code="too-many-pixels", value=shown)
    return image


def _decoded_pixels(path: str | os.PathLike[str], data: bytes, max_pixels: int) -> int:
    """Pixels that have to be decoded, by the boxes alone, where they are not too many for the image's own size."""
    try:
        items = read_items(data)
        tiles = items.decoded_pixels(items.primary)
        width, height = items.sizes[items.primary]
        pixels = max([tiles, *map(items.decoded_pixels, items.masks.get(items.primary, []))])
    except HeifError as error:
        reason = f"damaged or unsupported {KIND} data ({error}); expected a complete image, look for another copy"
        raise ImageError(path, reason, code="damaged-image") from None
    check_size(path, width, height, max(max_pixels * SPARE_FACTOR, SPARE_PIXELS))
    _check_work(path, pixels, width * height)
    return max(pixels, width * height)


def _check_work(path: str | os.PathLike[str], decoded: int, shown: int) -> None:
    most = max(SPARE_PIXELS, SPARE_FACTOR * shown)
    if decoded > most:
        reason = f"its tiles have {decoded:,} pixels, the image {shown:,}; the limit is {most:,}"
        raise ImageError(path, reason, code="image-too-complex", value=decoded)


class _named:
    """Say of a file that was cut off that it was; libheif has its own words for that."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and "end of file" in str(error).lower():
            raise cut_off(self.path, KIND, "what its header names lies behind its end") from None
