"""The image that one camera sees: geometry first, then the colors of what is in sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vision.datasets.scene.camera import Box, Rig


@dataclass
class Fragment:
    """What one surface contributes to one view.

    Args:
        box: the pixels that it touches.
        disparity: `[h, w]` in pixels.
        alpha: share of each pixel that it covers, float32 `[h, w]` 0..1.
        color: gives the colors, float32 `[h, w, 3]` 0..255, of a part (left, top, right, bottom) of the box, in
            pixels from the box's own corner.
        bias: added to the disparity in comparisons alone, for marks on another surface.
    """

    box: Box
    disparity: np.ndarray
    alpha: np.ndarray
    color: Callable[[Box], np.ndarray]
    bias: float = 0.0


class View:
    """The buffers of one camera: color (float32 0..255) and disparity; the larger disparity hides the smaller.

    Args:
        rig: the pair of cameras.
        side: x of this camera from the middle of the two, in baselines: 0.5 for the left one, -0.5 for the right one.
    """

    def __init__(self, rig: Rig, side: float) -> None:
        self.rig = rig
        self.side = side
        self.color = np.zeros((*rig.size, 3), np.float32)
        self.disparity = np.full(rig.size, -1.0, np.float32)

    def clip(self, points: np.ndarray) -> Box | None:
        """The box that holds points `[N, 2]` of this view; None if all of it is outside."""
        height, width = self.rig.size
        (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
        left, top, right, bottom = max(0.0, x0), max(0.0, y0), min(width, x1 + 2), min(height, y1 + 2)
        return (int(left), int(top), int(right), int(bottom)) if left < right - 1 and top < bottom - 1 else None

    def compose(self, fragments: Sequence[Fragment | None]) -> None:
        """Fill the buffers from fragments, sorted from far to near as far as they can be."""
        owner = np.full(self.rig.size, -1, np.int16)
        for number, fragment in enumerate(fragments):
            if fragment is not None:
                self._cover(owner, number, fragment)
        in_sight = np.bincount(owner.ravel() + 1, minlength=len(fragments) + 1)[1:] > 0
        for number, fragment in enumerate(fragments):
            if fragment is not None and in_sight[number]:
                self._color(owner, number, fragment)

    def _cover(self, owner: np.ndarray, number: int, fragment: Fragment) -> None:
        """Take the pixels of which this surface is in front and covers at least half."""
        left, top, right, bottom = fragment.box
        behind = self.disparity[top:bottom, left:right]
        front = fragment.disparity + np.float32(fragment.bias) > behind
        front &= fragment.disparity <= self.rig.max_disparity
        front &= fragment.alpha >= 0.5
        np.copyto(behind, fragment.disparity, where=front)
        np.copyto(owner[top:bottom, left:right], np.int16(number), where=front)

    def _color(self, owner: np.ndarray, number: int, fragment: Fragment) -> None:
        """Lay the surface over what is behind it: where it is in sight, and a pixel beyond, under soft edges."""
        left, top, right, bottom = fragment.box
        taken = owner[top:bottom, left:right]
        mine = cv2.dilate((taken == number).view(np.uint8), _RING)
        x, y, width, height = cv2.boundingRect(mine)
        part = (slice(y, y + height), slice(x, x + width))
        disparity = fragment.disparity[part]
        final = self.disparity[top:bottom, left:right][part]
        # Pixels of surfaces that are still to come take this one's color as their background.
        open_ = (taken[part] >= number) | (disparity + np.float32(fragment.bias) >= final)
        cover = fragment.alpha[part] * (mine[part] * open_)
        color = fragment.color((x, y, x + width, y + height))
        target = self.color[top + y : top + y + height, left + x : left + x + width]
        target[:] = cv2.blendLinear(color, target, cover, 1 - cover)


_RING = np.ones((3, 3), np.uint8)
