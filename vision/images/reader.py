"""From an image file to pixels: the dispatch over formats, and what is said about each file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from PIL import Image

from vision.errors import Notice
from vision.images.deep import WHITE, DeepImage, white_of
from vision.images.errors import ImageError, decoding, too_large
from vision.images.files import open_regular
from vision.images.formats import Loaded, check_header_of, load
from vision.images.pillow import lifted_limit, turned, upright_rgb
from vision.limits import MAX_PIXELS as MAX_PIXELS


@dataclass
class DecodedImage:
    """One image file, decoded.

    Attributes:
        pixels: uint8 `[H, W, 3]`, RGB, owned and writable.
        format: such as "JPEG".
        frames: of an animation, or pages; 1 of most files. At most 1000 are counted.
        jpeg_quality: estimated from the quantization tables, 1 to 100; None for other formats.
        notices: what is odd about the file though its pixels are whole, `vision.errors.Notice`.
    """

    pixels: np.ndarray
    format: str
    frames: int = 1
    jpeg_quality: int | None = None
    notices: list[Notice] = field(default_factory=list)


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, white: int | None = None) -> np.ndarray:
    """Decode one image file; `decode_image` says more about it.

    Returns:
        uint8 `[H, W, 3]`, RGB, owned and writable.

    Raises:
        ImageError: with one line that says what is wrong and what helps.
    """
    return decode_image(path, max_pixels, white).pixels


def decode_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, white: int | None = None) -> DecodedImage:
    """Decode one image file.

    Turned upright by its EXIF orientation; the first frame of an animation, and of a TIFF file the first image that is
    no thumbnail; gray, palette, CMYK and deep images are converted, transparency is laid over white. Color profiles
    are not applied.

    Args:
        path: a regular file.
        max_pixels: refuse a larger image by its header, before any pixel is decoded.
        white: what becomes 255 in images of more than 8 bits; 2^n - 1, at least 255. By default the least of 8, 10, 12,
            14 and 16 bits that the image does not exceed, with a notice.

    Raises:
        ImageError: with one line that says what is wrong and what helps.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ImageError(path, "the file is empty (0 bytes); expected an image", code="not-an-image")
        try:
            return _decode(path, file, max_pixels, white)
        except Image.DecompressionBombError:
            limit = Image.MAX_IMAGE_PIXELS
            if limit is None or max_pixels <= 2 * limit:
                raise too_large(path, f"more than {max_pixels:,}", max_pixels, None) from None
        with lifted_limit(max_pixels):
            return _decode(path, file, max_pixels, white)


def check_header(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> None:
    """Look at an image file without decoding it.

    Raises:
        ImageError: for what is no image, too small, too large, or of a kind that is not decoded.
    """
    try:
        with open_regular(path) as file:
            check_header_of(path, file, max_pixels)
    except Image.DecompressionBombError:
        raise too_large(path, f"more than {max_pixels:,}", max_pixels, None) from None


def common_white(paths: Sequence[str | os.PathLike[str]], max_pixels: int = MAX_PIXELS) -> int:
    """White of deep images of one camera rig: cameras of 10 or 12 bits write 16-bit files that are nearly black.

    Returns:
        The least of 8, 10, 12, 14 and 16 bits, as 2^n - 1, that none of those that are deep exceeds; 65535 if there
        are none, or they cannot be read.
    """
    brightest = 0
    for path in paths:
        try:
            with open_regular(path) as file, load(path, file, max_pixels, only_deep=True) as loaded:
                if isinstance(loaded.content, DeepImage):
                    brightest = max(brightest, loaded.content.brightest)
        except (ImageError, Image.DecompressionBombError):  # told where it is read
            return WHITE
    return white_of(brightest) if brightest > 0 else WHITE


def _decode(path: str | os.PathLike[str], file: BinaryIO, max_pixels: int, white: int | None) -> DecodedImage:
    with load(path, file, max_pixels) as loaded, decoding(path, loaded.format):
        pixels, notices = _pixels(path, loaded, white)
        return DecodedImage(pixels, loaded.format, loaded.frames, loaded.jpeg_quality, loaded.notices + notices)


def _pixels(path: str | os.PathLike[str], loaded: Loaded, white: int | None) -> tuple[np.ndarray, list[Notice]]:
    if isinstance(loaded.content, DeepImage):
        pixels, notices = loaded.content.to_rgb(path, white)
        return turned(pixels, loaded.orientation), notices
    assert loaded.content is not None
    return upright_rgb(loaded.content), []
