"""Pillow as the decoder: plain raster formats alone, no limit but ours, upright by EXIF alone."""

from __future__ import annotations

import functools
import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import Image

from vision.images.errors import ImageError, decoding
from vision.images.kinds import unknown_reason

# Only plain raster formats: PostScript and the like would run an interpreter on untrusted bytes.
_PLUGINS = ("Jpeg", "Png", "WebP", "Tiff", "Bmp", "Gif", "Jpeg2K", "Avif", "Ppm")
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM")
_ORIENTATION_TAG = 0x0112
_STRIP = 1 << 22
_lift_lock = threading.Lock()


def open_image(path: str | os.PathLike[str], file: BinaryIO, prefix: bytes) -> Image.Image:
    """Parse the header only. `Image.open` would refuse by its own, process-wide limit.

    Args:
        path: stands in errors.
        file: to read.
        prefix: first 16 bytes.

    Raises:
        ImageError: it is of no kind that is decoded, or its header is damaged.
    """
    _load_plugins()
    for name in _FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        # A plugin answers with a string when it knows the format but was built without its library.
        if factory is not None and accept is not None and accept(prefix) is True:
            file.seek(0)
            with decoding(path, name):
                return factory(file, "")  # by its name, Pillow would map a turned TIFF with its sides swapped
    known = ", ".join(name for name in _FORMATS if name in Image.OPEN)
    raise ImageError(path, unknown_reason(prefix, known), code="not-an-image")


def upright_rgb(image: Image.Image) -> np.ndarray:
    """A decoded image as uint8 `[H, W, 3]`: turned by its EXIF orientation, transparency laid over white."""
    pixels = _to_rgb(image)
    return turned(pixels, orientation_of(image))


def orientation_of(image: Image.Image) -> object:
    """EXIF's orientation. Pillow would take that of XMP as well, which no browser obeys."""
    for name in ("xmp", "XML:com.adobe.xmp"):
        image.info.pop(name, None)
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1)
    # Malformed EXIF does not make the pixels wrong.
    except Exception:
        return 1


def turned(pixels: np.ndarray, orientation: object) -> np.ndarray:
    """Pixels `[H, W, C]` turned upright by an EXIF orientation; one that does not exist turns nothing."""
    turns = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }
    turn = turns.get(orientation) if isinstance(orientation, int) else None
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))


@contextmanager
def lifted_limit(max_pixels: int) -> Iterator[None]:
    """Some decoders check Pillow's process-wide limit again: raise it for the one giant image, one at a time."""
    with _lift_lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _to_rgb(image: Image.Image) -> np.ndarray:
    """By strips: each copy of a large image would take four bytes per pixel."""
    width, height = image.size
    rows = max(1, _STRIP // width)
    if rows >= height:
        return _strip_to_rgb(image)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        part = image.crop((0, top, width, min(height, top + rows)))
        pixels[top : top + rows] = _strip_to_rgb(part)
    return pixels


def _strip_to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    return np.array(image.convert("RGB"))


@functools.lru_cache(maxsize=1)
def _load_plugins() -> None:
    for name in _PLUGINS:
        try:
            importlib.import_module(f"PIL.{name}ImagePlugin")
        except ImportError:  # an older Pillow has no AVIF
            continue
