"""A coarse map of which parts of an image the detector finds generated: evidence, not localization."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.apis.forgery.crops import Grid, cut, tile_grid
from vision.pixels import extend
from vision.structures.heatmap import HeatMap

STRIDE = 64
MAX_TILES = 196
PREVIEW_SIDE = 1000


@dataclass(frozen=True)
class HeatmapPlan:
    """Where the tiles of one image are, from before they are judged until the map is made."""

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


def plan_coarse(image: np.ndarray, size: int, grid: Grid) -> HeatmapPlan:
    """A map of crops that are judged anyway: their grid in a uint8 image `[H, W, 3]`, which was extended to `size`."""
    height, width = image.shape[:2]
    shift = (max(height, size) - height) // 2, (max(width, size) - width) // 2
    return HeatmapPlan(grid, shift, height, width, size, _preview(image))


def plan_heatmap(image: np.ndarray, size: int) -> tuple[HeatmapPlan, np.ndarray]:
    """Tiles of a uint8 image `[H, W, 3]` -> where they are, and their pixels `[N, size, size, 3]`, N <= 196.

    Images hardly larger than a tile are reflected at the border, so that there is more than one tile to compare.
    """
    height, width = image.shape[:2]
    preview = _preview(image)
    image = extend(image, (size, size))
    if min(height, width) >= size // 2:  # a shorter image was tiled, not reflected: one tile shows all there is
        image = extend(image, (size + 2 * STRIDE, size + 2 * STRIDE))
    full_height, full_width = image.shape[:2]
    shift = (full_height - height) // 2, (full_width - width) // 2
    grid = tile_grid(full_height, full_width, size, STRIDE, MAX_TILES)
    return HeatmapPlan(grid, shift, height, width, size, preview), cut(image, grid, size)


def _preview(image: np.ndarray) -> np.ndarray:
    scale = PREVIEW_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image.copy()
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
