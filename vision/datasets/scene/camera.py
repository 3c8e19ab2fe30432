"""Two pinhole cameras side by side (Hartley and Zisserman, chapter 9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Pixels (left, top, right, bottom), the last two not included.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Rig:
    """A rectified pair of cameras, baseline 1, looking along +z with y down.

    Pixels without a side are those of the camera midway between the two: a point with disparity d that this one sees
    at x is at x + d/2 in the left view and at x - d/2 in the right view.

    Args:
        size: height and width in pixels.
        focal: focal length in pixels.
        center: principal point (x, y) in pixels.
        max_disparity: no surface comes nearer than this, in pixels.
    """

    size: tuple[int, int]
    focal: float
    center: tuple[float, float]
    max_disparity: float

    def point(self, x: float, y: float, disparity: float) -> np.ndarray:
        """The 3D point at a pixel of the middle camera, `[3]`."""
        return np.array([x - self.center[0], y - self.center[1], self.focal]) / disparity

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels `[N, 2]` of 3D points `[N, 3]` in the coordinates of the camera that sees them."""
        return points[:, :2] * (self.focal / points[:, 2:]) + self.center

    def rays(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """Directions (x `[1, w]`, y `[h, 1]`, z = 1) of the pixels of a box."""
        left, top, right, bottom = box
        x = (np.arange(left, right, dtype=np.float32) - np.float32(self.center[0])) / np.float32(self.focal)
        y = (np.arange(top, bottom, dtype=np.float32) - np.float32(self.center[1])) / np.float32(self.focal)
        return x[None], y[:, None]
