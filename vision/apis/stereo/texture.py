"""Where images show nothing that could be matched: clipped areas, walls without texture, stripes along the rows.

A network fills them in from what surrounds them, and the two views agree on it: the way there and back returns to its
start though nothing was seen. What tells a match from a guess is detail along the row that both views have in common.
"""

from __future__ import annotations

import cv2
import numpy as np

# Side of the windows, in pixels, over which detail is looked for: what is nearer than half of it supports a match.
WINDOW = 17
# Of Gaussian blur before derivatives are taken: where matches are half a pixel off, fine detail still coincides.
_BLUR = 1.5
# Mean square of the derivative along the row, in gray levels per pixel: below the first, windows are one value or
# nothing but rounding; below the second they may be noise, which differs between the views, and so must coincide.
_NOTHING, _FAINT = 0.004, 0.5
_COMMON = 0.3
MAX_CONFIDENCE_OF_PLAIN = 0.25
# How many rows are looked at in one go, and how far their windows and the blur reach beyond.
_ROWS, _MARGIN = 512, WINDOW // 2 + 8


def textureless(left: np.ndarray, right: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Pixels around which nothing along the row tells where the match is.

    Args:
        left, right: uint8 `[H, W, 3]`.
        field: float32 `[2, H, W, 1]`, displacements of both views along x.

    Returns:
        bool `[2, H, W]`.
    """
    height = left.shape[0]
    out = np.empty(field.shape[:3], bool)
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        first, last = max(0, top - _MARGIN), min(height, bottom + _MARGIN)
        slopes = [_slope(view[first:last]) for view in (left, right)]
        for view in (0, 1):
            found = _without_detail(slopes[view], slopes[1 - view], field[view, first:last, :, 0])
            out[view, top:bottom] = found[top - first : bottom - first]
    return out


def _slope(view: np.ndarray) -> np.ndarray:
    """Derivative along x, float32 `[H, W]`, of blurred gray levels."""
    gray = cv2.GaussianBlur(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), _BLUR)
    return cv2.filter2D(gray, -1, np.array([[-0.5, 0, 0.5]], np.float32), borderType=cv2.BORDER_REPLICATE)


def _without_detail(own: np.ndarray, other: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    width = own.shape[1]
    columns = np.arange(width, dtype=np.float32) + displacement
    partner = np.take_along_axis(other, np.clip(np.rint(columns), 0, width - 1).astype(np.intp), axis=1)
    mine, theirs, common = (_mean(product) for product in (own * own, partner * partner, own * partner))
    most = np.maximum(mine, theirs)
    return (np.minimum(mine, theirs) < _NOTHING) | ((most < _FAINT) & (common < _COMMON * most))


def _mean(values: np.ndarray) -> np.ndarray:
    return cv2.blur(values, (WINDOW, WINDOW), borderType=cv2.BORDER_REPLICATE)
