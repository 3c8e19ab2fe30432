"""A coarse map of which parts of a picture the detector finds generated: evidence, not localisation."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.apis.crops import Grid, cut, tile_grid
from vision.datasets.pixels import extend

STRIDE = 64
MAX_TILES = 196
PREVIEW_SIDE = 1000


@dataclass(frozen=True)
class HeatMap:
    """Probabilities of overlapping tiles, and a copy of the picture to show them on.

    Attributes:
        probability: float32 `[rows, columns]`, of the tiles.
        center_y, center_x: tile centres in pixels of the full picture, ascending. Those of small pictures, which
            are extended, may lie outside.
        height, width: of the full picture.
        tile_size: side of a tile in pixels.
        preview: uint8 `[h, w, 3]`, the picture, scaled down to 1000 pixels when it is larger.
    """

    probability: np.ndarray
    center_y: np.ndarray
    center_x: np.ndarray
    height: int
    width: int
    tile_size: int
    preview: np.ndarray

    def dense(self, height: int, width: int) -> np.ndarray:
        """Interpolate and smooth the tiles to float32 `[height, width]` over the whole picture, 0 to 1."""
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


@dataclass(frozen=True)
class TilePlan:
    """Where the tiles of one picture are, from before they are judged until the map is made."""

    grid: Grid
    shift: tuple[int, int]
    height: int
    width: int
    tile_size: int
    preview: np.ndarray

    def heat_map(self, probability: np.ndarray) -> HeatMap:
        """Probabilities `[N]` in the order of the tiles -> the map."""
        tops, lefts = (np.asarray(edges, dtype=np.float64) + self.tile_size / 2 for edges in self.grid)
        shape = len(self.grid.tops), len(self.grid.lefts)
        values = probability.reshape(shape).astype(np.float32)
        center_y, center_x = tops - self.shift[0], lefts - self.shift[1]
        return HeatMap(values, center_y, center_x, self.height, self.width, self.tile_size, self.preview)


def plan_tiles(image: np.ndarray, size: int) -> tuple[TilePlan, np.ndarray]:
    """Tiles of a uint8 image `[H, W, 3]` -> where they are, and their pixels `[N, size, size, 3]`, N <= 196.

    Pictures hardly larger than a tile are reflected at the border, so that there is more than one tile to compare.
    """
    height, width = image.shape[:2]
    preview = _preview(image)
    image = extend(image, (size, size))
    if min(height, width) >= size // 2:  # a shorter picture was tiled, not reflected: one tile shows all there is
        image = extend(image, (size + 2 * STRIDE, size + 2 * STRIDE))
    full_height, full_width = image.shape[:2]
    shift = (full_height - height) // 2, (full_width - width) // 2
    grid = tile_grid(full_height, full_width, size, STRIDE, MAX_TILES)
    return TilePlan(grid, shift, height, width, size, preview), cut(image, grid, size)


def _preview(image: np.ndarray) -> np.ndarray:
    scale = PREVIEW_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image.copy()
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _spacing(centers: np.ndarray) -> float:
    return float(centers[1] - centers[0]) if len(centers) > 1 else 0.0
