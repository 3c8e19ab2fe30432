"""Values of more than 8 bits, of whole numbers and of floats, as 8 bits."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vision.errors import Notice
from vision.images.errors import ImageError

WHITE = 65535
# Bits that cameras and files have. Whoever has 11 or 13 does not say so by the brightest pixel.
_BITS = (8, 10, 12, 14, 16, 24, 32)
# What resampling adds around 0..1.
_OVERSHOOT = 0.1


@dataclass
class DeepImage:
    """Values as they are stored.

    Attributes:
        color: `[H, W, C]`, gray, RGB or CMYK, C 1, 3 or 4.
        alpha: `[H, W]`, of the same type; None where nothing is transparent.
        premultiplied: whether the color is multiplied by alpha already.
        white: what becomes 255, if the file says it.
        inverted: whether zero is white.
    """

    color: np.ndarray
    alpha: np.ndarray | None = None
    premultiplied: bool = False
    white: int | None = None
    inverted: bool = False

    @property
    def brightest(self) -> int:
        """The highest value that needs a white; 0 if none does."""
        return int(self.color.max()) if self.color.dtype.kind in "iu" and self.white is None else 0

    def to_rgb(self, path: str | os.PathLike[str], white: int | None = None) -> tuple[np.ndarray, list[Notice]]:
        """uint8 `[H, W, 3]`, and what was assumed; `white` as in `to_8_bits`, unless the file says it.

        Raises:
            ImageError: values that are not those of an image.
        """
        color, notices = to_8_bits(path, self.color, self.white or white)
        if self.inverted:
            color = 255 - color
        if self.alpha is not None:
            scale = white_of(int(self.color.max())) if self.color.dtype.kind in "iu" else None
            alpha, _ = to_8_bits(path, self.alpha, self.white or white or scale)
            color = over_white(color, alpha, self.premultiplied)
        if color.shape[2] == 4:
            return np.array(Image.fromarray(np.ascontiguousarray(color), "CMYK").convert("RGB")), notices
        return np.repeat(color, 3, axis=2) if color.shape[2] == 1 else np.ascontiguousarray(color), notices


def white_of(brightest: int) -> int:
    """The least 2^n - 1 that a brightest value does not exceed, n = 8, 10, 12, 14, 16 ...: cameras of 10 or 12 bits
    write 16-bit files that are nearly black."""
    return next((1 << bits) - 1 for bits in (*_BITS, 64) if brightest < 1 << bits)  # 64 holds all that numpy has


def to_8_bits(
    path: str | os.PathLike[str], values: np.ndarray, white: int | None = None
) -> tuple[np.ndarray, list[Notice]]:
    """Values of any kind as uint8 of the same shape, with what was assumed.

    Whole numbers lose their low bits, as Pillow does for 16-bit RGB; floats are in 0..1, or 0..255.

    Args:
        path: stands in the error.
        values: of booleans, whole numbers or floats.
        white: what becomes 255; found by the brightest value if it is None.

    Raises:
        ImageError: values that are not those of an image.
    """
    kind = values.dtype.kind
    if values.dtype == np.uint8:
        return values, []
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255), []
    if kind in "iu":
        return _whole_numbers(path, values, white)
    if kind == "f":
        return _floats(path, values)
    reason = f"has values of the type {values.dtype}; expected whole numbers or floats"
    raise ImageError(path, reason, code="bad-values")


def over_white(color: np.ndarray, alpha: np.ndarray, premultiplied: bool = False) -> np.ndarray:
    """uint8 colors `[H, W, C]` laid over white by a uint8 alpha `[H, W]`."""
    if (alpha == 255).all():
        return color
    share = alpha[..., None].astype(np.uint32)
    weighted = color * np.uint32(255) if premultiplied else color * share
    return np.minimum((weighted + 255 * (255 - share) + 127) // 255, 255).astype(np.uint8)


def _whole_numbers(
    path: str | os.PathLike[str], values: np.ndarray, white: int | None
) -> tuple[np.ndarray, list[Notice]]:
    low, high = int(values.min()), int(values.max())
    if low < 0:
        raise _not_of_an_image(path, low, high, "expected none below 0")
    notices = []
    if white is None:
        white = white_of(high)
        if white != WHITE or values.dtype.itemsize > 2:
            bits = white.bit_length()
            text = (
                f"values in {8 * values.dtype.itemsize} bits end at {high:,}; read as {bits} bits, {white:,} is white"
            )
            notices.append(Notice(text, "white-found", high))
    if white & (white + 1):  # a PNM file has any white
        return np.minimum(values.astype(np.uint32) * 255 // white, 255).astype(np.uint8), notices
    # As unsigned ones of the same size: 255 is more than 8 signed bits hold.
    unsigned = values.view(f"u{values.dtype.itemsize}") if values.dtype.isnative else values
    return np.minimum(unsigned >> (white.bit_length() - 8), 255).astype(np.uint8), notices


def _floats(path: str | os.PathLike[str], values: np.ndarray) -> tuple[np.ndarray, list[Notice]]:
    if not np.isfinite(values).all():
        count = int(values.size - np.isfinite(values).sum())
        reason = f"has {count:,} values that are infinite or no number; expected values from 0 to 1"
        raise ImageError(path, reason, code="bad-values", value=count)
    low, high = float(values.min()), float(values.max())
    if low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT:
        return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8), []
    if low >= 0 and high <= WHITE and (values == np.floor(values)).all():
        return _whole_numbers(path, values.astype(np.uint16), None)
    # Resampled 8-bit values lie all over 0..255; linear light has most of its values near 0 and few lights far above.
    if low >= -_OVERSHOOT * 255 and 128 <= high <= (1 + _OVERSHOOT) * 255 and np.median(values) >= 8:
        text = f"floats run from {low:g} to {high:g}; read as 8 bits, 255 is white"
        return np.rint(np.clip(values, 0, 255)).astype(np.uint8), [Notice(text, "white-found", high)]
    wanted = "expected 0 to 1; linear light (HDR) and measurements have no white that could be found"
    raise _not_of_an_image(path, low, high, wanted)


def _not_of_an_image(path: str | os.PathLike[str], low: float, high: float, wanted: str) -> ImageError:
    reason = f"values run from {low:g} to {high:g}; {wanted}"
    return ImageError(path, reason, code="bad-values", value=(low, high))
