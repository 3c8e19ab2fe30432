"""Values of the TIFF images that Pillow would cut, garble or invert: by tifffile, or by libtiff through OpenCV."""

from __future__ import annotations

import os
import zlib
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from vision.images.deep import DeepImage
from vision.images.errors import ImageError, cut_off, decoding
from vision.images.tiff import COLORS, TiffImage

# Bytes per allowed pixel: four channels of 16 bits.
_MAX_PIXEL_BYTES = 8
_NONE, _DEFLATE = 1, {8, 32946}
_BY_OPENCV = {_NONE, *_DEFLATE, 5, 32773}  # with LZW and PackBits
_WHITE_IS_ZERO, _PALETTE = 0, 3


def read_values(
    path: str | os.PathLike[str], file: BinaryIO, tiff: TiffImage, max_pixels: int, image: Image.Image | None
) -> DeepImage:
    """The values of an image as they are stored.

    Args:
        path: stands in errors.
        file: that the image is in.
        tiff: which image.
        max_pixels: bounds the memory.
        image: by Pillow, at the same page; None for a page that Pillow does not reach.

    Raises:
        ImageError: nobody can read them, or the file is cut off.
    """
    width, height = tiff.size
    if width * height * tiff.samples * -(-tiff.bits // 8) > _MAX_PIXEL_BYTES * max_pixels:
        reason = f"takes more than {_MAX_PIXEL_BYTES * max_pixels:,} bytes; the limit is 8 per pixel of max_pixels"
        raise ImageError(path, reason, code="too-many-pixels", value=width * height)
    if tiff.photometric == _PALETTE:
        raise _unreadable(path, tiff)
    with decoding(path, "TIFF"):
        values = _values(path, file, tiff, image)
    values = values.reshape(height, width, -1)
    color = values[..., : COLORS[tiff.photometric]]
    alpha = values[..., color.shape[2]] if tiff.alpha else None
    # What a file of 12 bits calls white is 4095, however bright the image is.
    white = None if tiff.bits % 8 == 0 else (1 << tiff.bits) - 1
    inverted = tiff.photometric == _WHITE_IS_ZERO
    return DeepImage(color, alpha, tiff.alpha == "premultiplied", white, inverted)


def _values(path: str | os.PathLike[str], file: BinaryIO, tiff: TiffImage, image: Image.Image | None) -> np.ndarray:
    by_tifffile = tiff.bits in (8, 16, 32, 64) and tiff.compression in {_NONE, *_DEFLATE}
    # OpenCV sees the first page alone.
    by_opencv = tiff.index == 0 and tiff.samples in (3, 4) and not tiff.planar and tiff.compression in _BY_OPENCV
    if by_tifffile:
        check_extents(path, file, tiff)
        _check_inflated(path, file, tiff)
        try:
            values = tiff.page.asarray(maxworkers=1)
            axes = tuple(tiff.page.axes)
            return np.moveaxis(values, axes.index("S"), -1) if "S" in axes else values
        except ValueError:  # a predictor, or an order of bits, for which tifffile wants more than Python
            if not by_opencv and image is None:
                raise
    if tiff.samples == 1 and image is not None and image.mode in ("I;16", "I", "F"):
        image.load()
        values = np.asarray(image)
        return values.view(np.uint32) if tiff.bits == 32 and tiff.sample_format == 1 else values
    if by_opencv and (tiff.bits, tiff.sample_format) in ((16, 1), (32, 3), (64, 3)):
        file.seek(0)
        decoded = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
        if decoded is not None and decoded.shape == (*tiff.size[::-1], tiff.samples):
            return np.concatenate([decoded[..., 2::-1], decoded[..., 3:]], axis=2)
    raise _unreadable(path, tiff)


def check_extents(path: str | os.PathLike[str], file: BinaryIO, tiff: TiffImage) -> None:
    """Refuse a file that ends before its strips do, where tifffile fills in zeros."""
    page = tiff.page
    end = os.fstat(file.fileno()).st_size
    strips = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    wanted = sum(page.databytecounts)
    there = sum(max(0, min(count, end - start)) for start, count in strips if start)
    if tiff.compression == _NONE:
        wanted = max(wanted, page.nbytes)
    if there < wanted or not wanted:
        raise cut_off(path, "TIFF", f"{there:,} of {wanted:,} bytes of the pixels are there")


def _check_inflated(path: str | os.PathLike[str], file: BinaryIO, tiff: TiffImage) -> None:
    """Refuse strips that inflate to much more than the image."""
    page = tiff.page
    if tiff.compression == _NONE:
        return
    left = 2 * page.nbytes + (1 << 20)  # tiles reach beyond the image
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(start)
        left -= len(zlib.decompressobj().decompress(file.read(count), left + 1))
        if left < 0:
            raise ImageError(path, "has a strip that inflates to more than the image", code="image-too-complex")


def _unreadable(path: str | os.PathLike[str], tiff: TiffImage) -> ImageError:
    planes = " in planes" if tiff.planar and tiff.samples > 1 else ""
    compression = getattr(tiff.page.compression, "name", tiff.compression)
    kind = {1: "whole numbers", 2: "signed numbers", 3: "floats"}.get(tiff.sample_format, "complex numbers")
    reason = (
        f"holds {kind} of {tiff.bits} bits in {tiff.samples} channels{planes}, compression {compression}, "
        "which cannot be decoded; export it as TIFF without compression, 8 or 16 bits per channel"
    )
    return ImageError(path, reason, code="unsupported-image")
