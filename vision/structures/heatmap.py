"""A coarse map of probabilities over an image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class HeatMap:
    """Probabilities of overlapping tiles, and a copy of the image to show them on.

    Attributes:
        probability: float32 `[rows, columns]`, of the tiles.
        center_y, center_x: tile centers in pixels of the full image, ascending. Those of small images, which
            are extended, may lie outside.
        height, width: of the full image.
        tile_size: side of a tile in pixels.
        preview: uint8 `[h, w, 3]`, the image, scaled down to 1000 pixels when it is larger.
    """

    probability: np.ndarray
    center_y: np.ndarray
    center_x: np.ndarray
    height: int
    width: int
    tile_size: int
    preview: np.ndarray

    def dense(self, height: int, width: int) -> np.ndarray:
        """Interpolate and smooth the tiles to float32 `[height, width]` over the whole image, 0 to 1."""
        y = (np.arange(height) + 0.5) * (self.height / height)
        x = (np.arange(width) + 0.5) * (self.width / width)
        columns = np.stack([np.interp(x, self.center_x, row) for row in self.probability])
        surface = np.stack([np.interp(y, self.center_y, column) for column in columns.T], axis=1)
        sigma = [
            _spacing(c) * full / 2
            for c, full in ((self.center_x, width / self.width), (self.center_y, height / self.height))
        ]
        if max(sigma) > 0.3:
            surface = cv2.GaussianBlur(
                surface, (0, 0), max(sigma[0], 0.1), sigmaY=max(sigma[1], 0.1), borderType=cv2.BORDER_REFLECT
            )
        return np.clip(surface, 0, 1).astype(np.float32)


def _spacing(centers: np.ndarray) -> float:
    return float(centers[1] - centers[0]) if len(centers) > 1 else 0.0
