"""Checking image files before they are used, so that one broken file does not end a training run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image

from vision.images import MIN_SIDE, ImageError, open_regular, read_image


def find_broken(
    paths: Sequence[str], verify: str, max_pixels: int, cache: list[np.ndarray] | None = None
) -> dict[str, str]:
    """Map the path of every unusable file to the reason.

    Args:
        paths: files to check.
        verify: `none`, `header` (open, size and format) or `full` (decode).
        max_pixels: larger images are unusable.
        cache: given, every file is decoded and the usable images are appended to it, in order.
    """
    if verify not in ("none", "header", "full"):
        raise ValueError(f"verify is {verify!r}; expected 'none', 'header' or 'full'")
    broken = {}
    for path in paths:
        try:
            if cache is not None:
                cache.append(read_image(path, max_pixels))
            elif verify == "full":
                read_image(path, max_pixels)
            elif verify == "header":
                check_header(path, max_pixels)
        except ImageError as error:
            broken[path] = error.reason
    return broken


def check_header(path: str, max_pixels: int) -> None:
    """Open an image without decoding it.

    Raises:
        ImageError: for what is no image, too small or too large.
    """
    with open_regular(path) as file, warnings.catch_warnings():
        # Pillow warns by a limit of its own; ours is checked below.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(file) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise ImageError(path, f"has more than the {max_pixels:,} pixels allowed") from None
        # Header parsers meet hostile bytes with errors of every kind.
        except Exception as error:
            detail = " ".join(str(error).split())[:120] or type(error).__name__
            raise ImageError(path, f"empty, damaged or no image ({detail})") from None
    if min(width, height) < MIN_SIDE:
        raise ImageError(path, f"is {width} x {height} pixels; expected at least {MIN_SIDE} x {MIN_SIDE}")
    if width * height > max_pixels:
        raise ImageError(path, f"has {width * height:,} pixels; the limit is {max_pixels:,}")
