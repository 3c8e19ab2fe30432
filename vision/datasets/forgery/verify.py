"""Checking image files before they are used, so that one broken file does not end a training run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision.images import ImageError, check_header, read_image


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
