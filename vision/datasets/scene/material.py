"""What surfaces look like: a texture with its pyramid, and a color transform."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from vision.datasets.scene.camera import Box


class Texture:
    """An image with its pyramid of halved images.

    Args:
        image: uint8 RGB `[H, W, 3]` that can be tiled.
    """

    def __init__(self, image: np.ndarray) -> None:
        self.levels = [np.ascontiguousarray(image)]
        while min(self.levels[-1].shape[:2]) > 4:
            height, width = self.levels[-1].shape[:2]
            self.levels.append(cv2.resize(self.levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        self.mean = image.reshape(-1, 3).mean(0)


@dataclass
class Material:
    """A texture as one surface shows it.

    Args:
        texture: the image.
        matrix: color transform, float32 `[3, 4]` on 0..255.
        offset: texel (x, y) at the surface's origin.
        turn: rotation, stretch and flip of the texture, `[2, 2]`.
        mirror: what a glossy surface reflects; each view sees it elsewhere. None for a matt one.
        gloss: share of the reflection, 0..1.
        parallax: by how many pixels the two views' reflections differ beyond the surface's own place.
    """

    texture: Texture
    matrix: np.ndarray
    offset: tuple[float, float] = (0.0, 0.0)
    turn: np.ndarray = field(default_factory=lambda: np.eye(2))
    mirror: Texture | None = None
    gloss: float = 0.0
    parallax: float = 0.0

    def shaded(self, factor: float) -> Material:
        """The same in another light."""
        return replace(self, matrix=self.matrix * np.float32(factor))

    def reflect(self, color: np.ndarray, box: Box, side: float, disparity: float) -> np.ndarray:
        """Add to colors `[h, w, 3]` of a box of one view what the surface mirrors there."""
        if self.mirror is None:
            return color
        left, top, right, bottom = box
        matrix = np.array([[0.5, 0, 0.5 * left - side * (disparity + self.parallax)], [0, 0.5, 0.5 * top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (right - left, bottom - top)
        seen = cv2.warpAffine(self.mirror.levels[1], matrix, size, flags=flags, borderMode=cv2.BORDER_WRAP)
        return cv2.addWeighted(color, 1 - self.gloss, seen.astype(np.float32), self.gloss, 0)

    def warp(self, to_texture: np.ndarray, box: Box, slope: tuple[float, float, float]) -> np.ndarray:
        """Colors of a box of pixels, float `[h, w, 3]`, by a homography from pixels to texels.

        Args:
            to_texture: `[3, 3]`; the material's own turn comes on top.
            box: left, top, right, bottom.
            slope: disparity as a x + b y + c: says where the plane is seen at all.
        """
        left, top, right, bottom = box
        matrix = _shifted(np.vstack([self.turn @ to_texture[:2], to_texture[2]]), left, top)
        out = np.empty((bottom - top, right - left, 3), np.uint8)
        for rows, columns, level in _bands(matrix, out.shape[:2], slope, (left, top), len(self.texture.levels) - 1):
            scaled_matrix = _shifted(matrix, columns.start, rows.start)
            scale = 0.5**level
            # Centers of texels are whole numbers on every level.
            scaled_matrix[:2] = scale * scaled_matrix[:2] + (0.5 * scale - 0.5) * scaled_matrix[2]
            out[rows, columns] = cv2.warpPerspective(
                self.texture.levels[level],
                scaled_matrix,
                (columns.stop - columns.start, rows.stop - rows.start),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_WRAP,
            )
        return self._colored(out)

    def sample(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Colors at texels, float `[h, w, 3]`; u and v `[h, w]` vary smoothly."""
        (a, b), (c, d) = self.turn.astype(np.float32)
        x = a * u + b * v + np.float32(self.offset[0])
        y = c * u + d * v + np.float32(self.offset[1])
        level = min(int(np.log2(max(1.0, _mean_step(x, y))) + 0.5), len(self.texture.levels) - 1)
        scale = np.float32(0.5**level)
        x, y = (x + np.float32(0.5)) * scale - np.float32(0.5), (y + np.float32(0.5)) * scale - np.float32(0.5)
        out = cv2.remap(self.texture.levels[level], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return self._colored(out)

    def _colored(self, image: np.ndarray) -> np.ndarray:
        return cv2.transform(image.astype(np.float32), self.matrix)


def scaled(color: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Colors `[h, w, 3]` times a brightness `[h, w]`, float32."""
    # Three times as fast as NumPy's broadcast over the channels.
    return cv2.multiply(color, cv2.merge([factor, factor, factor]))


def _shifted(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """A homography for pixels that are counted from (x, y)."""
    result = matrix.copy()
    result[:, 2] += x * matrix[:, 0] + y * matrix[:, 1]
    return result


def _mean_step(x: np.ndarray, y: np.ndarray) -> float:
    """Texels from pixel to pixel, on the mean over both directions, from a few rows and columns."""
    rows, columns = slice(None, None, 8), slice(None, None, 8)
    across = np.abs(np.diff(x[rows], axis=1)) + np.abs(np.diff(y[rows], axis=1))
    down = np.abs(np.diff(x[:, columns], axis=0)) + np.abs(np.diff(y[:, columns], axis=0))
    # The sum of both parts is longer than the step by about a quarter.
    return 0.4 * sum(float(part.mean()) for part in (across, down) if part.size)


def _bands(
    matrix: np.ndarray,
    size: tuple[int, int],
    slope: tuple[float, float, float],
    corner: tuple[int, int],
    coarsest: int,
) -> list[tuple[slice, slice, int]]:
    """Cut a box into strips, across the direction of the plane's tilt, that each take one level of the pyramid."""
    height, width = size
    along_y = abs(slope[1]) * height >= abs(slope[0]) * width
    length, other = (height, width) if along_y else (width, height)
    rows = matrix.ravel().tolist()
    a, b, c, d, e, f, g, h, i = rows
    determinant = abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    # The level changes slowly, unless the plane is nearly edge on.
    step = length if length < 24 else max(12, -(-length // 12))
    levels = []
    for start in range(0, length, step):
        place, across = start + min(step, length - start) / 2, other / 2
        x, y = (across, place) if along_y else (place, across)
        # Above the horizon there is nothing to see.
        seen = slope[0] * (x + corner[0]) + slope[1] * (y + corner[1]) + slope[2] > 1e-3
        level = round(_texel_level(rows, determinant, x, y)) if seen else coarsest
        levels.append(min(max(level, 0), coarsest))
    strips, first, whole = [], 0, slice(0, other)
    for index in range(1, len(levels) + 1):
        if index == len(levels) or levels[index] != levels[first]:
            part = slice(first * step, min(index * step, length))
            strips.append((part, whole, levels[first]) if along_y else (whole, part, levels[first]))
            first = index
    return strips


def _texel_level(matrix: list[float], determinant: float, x: float, y: float) -> float:
    """Binary logarithm of texels per pixel: between the mean and the longer axis of the pixel's footprint."""
    a, b, c, d, e, f, g, h, i = matrix
    w = g * x + h * y + i
    if abs(w) < 1e-9:
        return 99.0
    u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
    longest = max(math.hypot(a - u * g, b - u * h), math.hypot(d - v * g, e - v * h)) / abs(w)
    return 0.5 * math.log2(max(longest, 1e-9)) + 0.25 * math.log2(max(determinant / abs(w) ** 3, 1e-18))
