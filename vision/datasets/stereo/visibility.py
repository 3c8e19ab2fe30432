"""Which pixels of a view the other view sees, by the disparities of both."""

from __future__ import annotations

import cv2
import numpy as np

# The sides of a rig, as `scene.view.View` takes them: what is added to x to come from the middle to a camera, in
# baselines.
LEFT, RIGHT = 0.5, -0.5


def seen_by_other(disparity: np.ndarray, other: np.ndarray, side: float, tolerance: float = 1.0) -> np.ndarray:
    """Which pixels of one view the other view sees too, bool `[H, W]`.

    A pixel is seen if its place in the other view lies inside, and one of the two pixels there has its disparity.

    Args:
        disparity: of this view, positive, in pixels, `[H, W]`.
        other: of the other view, `[H, W]`.
        side: `LEFT` if this is the left view, else `RIGHT`.
        tolerance: largest difference of the two disparities.
    """
    height, width = disparity.shape
    sign = np.float32(-1 if side == LEFT else 1)
    place = np.arange(width, dtype=np.float32)[None] + sign * disparity
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], place.shape)
    base = np.floor(place)
    seen = np.zeros(disparity.shape, bool)
    # Both neighbors, not their interpolation: at an edge that would be the disparity of nothing.
    for step in (0, 1):
        found = cv2.remap(other, base + np.float32(step), rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        seen |= np.abs(found - disparity) <= tolerance
    return seen & (place >= 0) & (place <= width - 1)
