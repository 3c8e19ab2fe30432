"""What is wrong with an image file, in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

MIN_SIDE = 8


class ImageError(ValueError):
    """An image file that cannot be used; `reason` is one line without the path, `str()` has both.

    Attributes:
        path: of the file, or a name that stands for it.
        reason: what is wrong and what helps.
        code: kind of mistake, see `vision.errors`.
        value: what gave rise to it, such as the number of pixels; None if there is no such figure.
    """

    def __init__(
        self, path: str | os.PathLike[str], reason: str, *, code: str = "bad-image", value: Any = None
    ) -> None:
        self.path = os.fspath(path)
        self.reason = reason
        self.code = code
        self.value = value
        super().__init__(self.path, reason)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def check_size(path: str | os.PathLike[str], width: int, height: int, max_pixels: int) -> None:
    """Raise ImageError for an image that is too large, or smaller than 8 x 8 pixels."""
    if width * height > max_pixels:
        size = width * height
        raise too_large(path, f"{width} x {height} = {size:,}", max_pixels, size)
    if min(width, height) < MIN_SIDE:
        raise too_small(path, height, width)


def too_large(path: str | os.PathLike[str], size: str, max_pixels: int, value: int | None) -> ImageError:
    """The error of an image that has more pixels than are allowed; `size` says how many."""
    reason = f"has {size} pixels; the limit is {max_pixels:,} (max_pixels)"
    return ImageError(path, reason, code="too-many-pixels", value=value)


def too_small(path: str | os.PathLike[str], height: int, width: int) -> ImageError:
    """The error of an image that has less than 8 x 8 pixels."""
    reason = f"is {width} x {height} pixels; expected at least {MIN_SIDE} x {MIN_SIDE}"
    return ImageError(path, reason, code="too-small", value=(height, width))


def cut_off(path: str | os.PathLike[str], kind: str, there: str) -> ImageError:
    """The error of a file that ends before its pixels do; `there` says how much of it is there."""
    reason = f"truncated {kind} data: {there}; expected a complete image, look for another copy of the file"
    return ImageError(path, reason, code="damaged-image")


@contextmanager
def decoding(path: str | os.PathLike[str], kind: str | None) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into an ImageError."""
    try:
        yield
    except (ImageError, Image.DecompressionBombError):
        raise
    except MemoryError:
        raise ImageError(path, "does not fit into memory; lower max_pixels", code="image-out-of-memory") from None
    # Decoders meet hostile bytes with errors of every kind (SyntaxError, struct.error, IndexError, ...).
    except Exception as error:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        if any(word in detail.lower() for word in ("truncat", "not enough")) or isinstance(error, EOFError):
            raise cut_off(path, str(kind), detail) from None
        reason = f"damaged or unsupported {kind} data ({detail}); expected a complete image, look for another copy"
        raise ImageError(path, reason, code="damaged-image") from None
