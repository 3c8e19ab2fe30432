"""Flat pictures with soft edges that can be laid over a frame at any place, size and angle."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

_EDGE = 2


class Stamp(NamedTuple):
    """A sprite as it falls on a frame: its corner in pixels, which may lie outside, and premultiplied RGBA."""

    left: int
    top: int
    rgba: np.ndarray


class Sprite:
    """An image with alpha and its pyramid, in which colors are multiplied by alpha.

    Args:
        rgba: uint8 `[h, w, 4]`, premultiplied.
        anchor: the texel (x, y) that stands at the place of whatever the sprite shows.
        unit: texels that are as long as what the sprite shows is tall.
    """

    def __init__(self, rgba: np.ndarray, anchor: tuple[float, float], unit: float) -> None:
        # A clear rim, so that the border of the array is no edge.
        self.levels = [cv2.copyMakeBorder(rgba, _EDGE, _EDGE, _EDGE, _EDGE, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))]
        self.anchor = (anchor[0] + _EDGE, anchor[1] + _EDGE)
        self.unit = unit

    def stamp(self, view: np.ndarray, clip: tuple[int, int] | None = None) -> Stamp | None:
        """The sprite under an affine map.

        Args:
            view: `[2, 3]` from units right of and below the anchor to pixels of the frame.
            clip: height and width of the frame, to leave out what falls outside of it; None for all.

        Returns:
            None if nothing of it falls on the frame.
        """
        scale = math.sqrt(abs(float(np.linalg.det(view[:, :2])))) / self.unit
        level = max(0, math.floor(math.log2(1 / max(scale, 1e-6)) + 0.25))
        texels = self._level(level)
        # The real ratio: odd sides are halved to a whole number.
        ratio = np.array(texels.shape[1::-1]) / self.levels[0].shape[1::-1]
        matrix = np.empty((2, 3))
        matrix[:, :2] = view[:, :2] / self.unit / ratio
        # Centers of texels are whole numbers on every level.
        anchor = (np.array(self.anchor) + 0.5) * ratio - 0.5
        matrix[:, 2] = view[:, 2] - matrix[:, :2] @ anchor
        height, width = texels.shape[:2]
        corners = matrix @ np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]])
        left, top = (math.floor(v) for v in corners.min(1))
        right, bottom = (math.ceil(v) + 1 for v in corners.max(1))
        if clip is not None:
            left, top, right, bottom = max(left, 0), max(top, 0), min(right, clip[1]), min(bottom, clip[0])
        if left >= right or top >= bottom:
            return None
        matrix[:, 2] -= (left, top)
        flags = cv2.INTER_LINEAR
        return Stamp(left, top, cv2.warpAffine(texels, matrix, (right - left, bottom - top), flags=flags))

    def _level(self, wanted: int) -> np.ndarray:
        while len(self.levels) <= wanted and min(self.levels[-1].shape[:2]) > 3:
            height, width = self.levels[-1].shape[:2]
            half = (max(1, width // 2), max(1, height // 2))
            self.levels.append(cv2.resize(self.levels[-1], half, interpolation=cv2.INTER_AREA))
        return self.levels[min(wanted, len(self.levels) - 1)]


def inside(stamp: Stamp, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where a stamp meets a frame of `size` (height, width): rows and columns of the frame, then of the stamp."""
    height, width = stamp.rgba.shape[:2]
    top, left = max(stamp.top, 0), max(stamp.left, 0)
    bottom, right = min(stamp.top + height, size[0]), min(stamp.left + width, size[1])
    if top >= bottom or left >= right:
        return None
    frame = slice(top, bottom), slice(left, right)
    return frame, (
        slice(top - stamp.top, bottom - stamp.top),
        slice(left - stamp.left, right - stamp.left),
    )


def lay_over(image: np.ndarray, stamp: Stamp) -> None:
    """Lay a stamp over an image uint8 `[H, W, 3]`, in place."""
    found = inside(stamp, image.shape[:2])
    if found is None:
        return
    frame, part = found
    over = stamp.rgba[part]
    behind = image[frame]
    clear = cv2.bitwise_not(cv2.extractChannel(over, 3))
    kept = cv2.multiply(behind, cv2.merge([clear, clear, clear]), scale=1 / 255)
    behind[:] = cv2.add(kept, over[..., :3])


def premultiplied(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Uint8 `[h, w, 4]` of colors `[h, w, 3]` 0..255 and alpha `[h, w]` 0..1."""
    rgba = np.empty((*alpha.shape, 4), np.float32)
    rgba[..., :3] = np.clip(color, 0, 255) * alpha[..., None]
    rgba[..., 3] = alpha * 255
    return (rgba + 0.5).astype(np.uint8)
