"""Images whose values are measurements: 8 or 16 bits, never converted."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from vision.drawn import marked_png
from vision.errors import UsageError
from vision.files import write_bytes
from vision.images import MAX_PIXELS, ImageError, open_regular
from vision.images.pnm import pnm_values, read_pnm_header
from vision.stereo_io.files import check_size

# Pillow's modes -> bits
_MODES = {"1": 8, "L": 8, "P": 8, "RGB": 8, "I": 16, "I;16": 16, "I;16B": 16}


def read_gray(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a gray PNG, PGM or BMP file, 8 or 16 bits; a color file passes if its channels are equal.

    Returns:
        uint8 or uint16 `[H, W]`, the values as stored; black and white are 0 and 255.

    Raises:
        ImageError: it is no such file, is damaged, too large, or has colors.
    """
    with _opened(path, max_pixels, ("PNG", "PPM", "BMP"), "a gray PNG or PGM image") as (file, image):
        mode, pnm = image.mode, read_pnm_header(image)
        if pnm is not None and pnm.channels == 1:  # Pillow would scale a highest value of 1023 to 65535
            values = pnm_values(file, pnm)[..., 0]
        else:
            values = np.asarray(image.convert("L") if mode == "1" else image.convert("RGB") if mode == "P" else image)
    if mode not in _MODES:
        raise ImageError(path, f"has pixels of Pillow's mode {mode}; expected gray with 8 or 16 bits")
    if values.ndim == 3:
        if (values != values[..., :1]).any():
            raise ImageError(path, "is a color image; expected gray values, or three equal channels")
        values = values[..., 0]
    if values.min() < 0 or values.max() >> _MODES[mode]:
        raise ImageError(path, f"values run from {values.min()} to {values.max()}; expected 8 or 16 bits")
    return values.astype(f"u{_MODES[mode] // 8}")


def read_rgb8(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a PNG file with three channels of 8 bits whose values are measurements.

    Returns:
        uint8 `[H, W, 3]`, red, green, blue.

    Raises:
        ImageError: it is no such file, is damaged or too large.
    """
    with _opened(path, max_pixels, ("PNG",), "a PNG image") as (_, image):
        if image.mode != "RGB":
            raise ImageError(path, f"has pixels of Pillow's mode {image.mode}; expected RGB with 8 bits")
        return np.array(image)


def read_rgb16(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a PNG file with three channels of 16 bits, which Pillow would cut to 8.

    Returns:
        uint16 `[H, W, 3]`, red, green, blue.

    Raises:
        ImageError: it is no such file, is damaged or too large.
    """
    with _opened(path, max_pixels, ("PNG",), "a PNG image") as (file, image):
        image.verify()  # OpenCV would give what it got of a damaged file
        file.seek(0)
        values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ImageError(path, "damaged PNG data; expected a complete image, look for another copy")
    if values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] != 3:
        raise ImageError(path, f"is {values.dtype} {values.shape}; expected three channels of 16 bits")
    return np.ascontiguousarray(values[..., ::-1])


def write_png(path: str | os.PathLike[str], values: np.ndarray, drawn: str = "") -> None:
    """Write uint8 or uint16 values, gray `[H, W]` or RGB `[H, W, 3]`, as a PNG file, whole or not at all.

    Args:
        path: of the file.
        values: of the pixels.
        drawn: what they are, if they are no camera's: the file says so then, and folders are read without it.

    Raises:
        UsageError: values of another type or shape.
    """
    values = np.asarray(values)
    shaped = values.ndim == 2 or (values.ndim == 3 and values.shape[2] == 3)
    if values.dtype not in (np.uint8, np.uint16) or not shaped or values.size == 0:
        raise UsageError(
            f"values for {os.fspath(path)} are {values.dtype} {values.shape}; "
            "expected uint8 or uint16 [H, W] or [H, W, 3]",
            code="bad-array",
            value=(str(values.dtype), values.shape),
        )
    pixels = values if values.ndim == 2 else values[..., ::-1]
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise UsageError(
            f"OpenCV could not encode {values.shape} values for {os.fspath(path)}",
            code="bad-array",
            value=(str(values.dtype), values.shape),
        )
    data = encoded.tobytes()
    write_bytes(path, marked_png(data, drawn) if drawn else data)


@contextmanager
def _opened(
    path: str | os.PathLike[str], max_pixels: int, formats: tuple[str, ...], expected: str
) -> Iterator[tuple[BinaryIO, Image.Image]]:
    """A file and Pillow's image of it; whatever goes wrong with its bytes becomes an ImageError."""
    with open_regular(path) as file, warnings.catch_warnings():
        # Pillow warns by a limit of its own; ours is checked here.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=formats) as image:
                check_size(path, image.height, image.width, max_pixels)
                yield file, image
        except ImageError:
            raise
        # Decoders meet damaged bytes with errors of every kind (SyntaxError, struct.error, OSError, ...).
        except Exception as error:
            raise _damaged(path, error, expected) from None


def _damaged(path: str | os.PathLike[str], error: BaseException, wanted: str) -> ImageError:
    if isinstance(error, UnidentifiedImageError):
        return ImageError(path, f"not an image of a known kind; expected {wanted}")
    detail = " ".join(str(error).split())[:120] or type(error).__name__
    return ImageError(path, f"damaged ({detail}); expected {wanted}")
