"""Images that are in memory already."""

from __future__ import annotations

import numpy as np

from vision.images.errors import MIN_SIDE, ImageError, too_small


def checked_array(array: np.ndarray, name: str) -> np.ndarray:
    """An image that is in memory already, in the form of those that are read.

    Args:
        array: uint8 `[H, W, 3]`, RGB, or `[H, W]`, gray.
        name: stands for the path in the error.

    Returns:
        uint8 `[H, W, 3]`; the array itself if it has this form.

    Raises:
        ImageError: other values, another shape, or less than 8 x 8 pixels.
    """
    is_gray = array.ndim == 2
    if array.dtype != np.uint8 or not (is_gray or (array.ndim == 3 and array.shape[2] == 3)):
        found = f"{array.dtype} array of shape {tuple(array.shape)}"
        reason = f"is a {found}; expected uint8 of shape (H, W, 3), RGB, or (H, W)"
        raise ImageError(name, reason, code="bad-array", value=(str(array.dtype), tuple(array.shape)))
    if min(array.shape[:2]) < MIN_SIDE:
        raise too_small(name, *array.shape[:2])
    return np.repeat(array[:, :, None], 3, axis=2) if is_gray else array
