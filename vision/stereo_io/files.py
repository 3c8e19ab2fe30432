"""What all formats share: checking a size, arrays of numpy files."""

from __future__ import annotations

import math
import os

import numpy as np

from vision.files import replacing
from vision.images import MAX_PIXELS, ImageError, open_regular


def check_size(path: str | os.PathLike[str], height: int, width: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a size that a header claims, before memory is taken for it.

    Raises:
        ImageError: the size is not positive, or has more than `max_pixels` pixels.
    """
    if width < 1 or height < 1:
        raise ImageError(path, f"says that it is {width} x {height} pixels; expected positive numbers")
    if width * height > max_pixels:
        size = f"{width} x {height} = {width * height:,}"
        reason = f"says that it has {size} pixels; the limit is {max_pixels:,} (max_pixels)"
        raise ImageError(path, reason, code="too-many-pixels", value=width * height)


def read_npy(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read the numbers of a `.npy` file as float32; pickled objects are refused.

    Raises:
        ImageError: it is not such a file, is cut short, is too large or holds something other than real numbers.
    """
    with open_regular(path):
        pass
    try:
        # Mapped, so that a header cannot make us allocate more than the file holds.
        array = np.lib.format.open_memmap(path, mode="r")
    # numpy meets damaged headers with errors of every kind (ValueError, TokenError, RecursionError, ...).
    except Exception as error:
        raise ImageError(path, f"not a complete .npy file of numbers ({_line(error)})") from None
    if array.dtype.kind not in "fiu":
        raise ImageError(path, f"holds {array.dtype}; expected real numbers")
    if array.ndim < 2:
        raise ImageError(path, f"has the shape {array.shape}; expected height and width first")
    check_size(path, array.shape[0], math.prod(array.shape[1:]), 2 * max_pixels)
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite: unknown
        return np.array(array, dtype=np.float32)


def write_npy(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write a float32 `.npy` file."""
    with replacing(path) as file:
        np.save(file, np.asarray(array, dtype=np.float32), allow_pickle=False)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
