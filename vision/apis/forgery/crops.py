"""Where an image is looked at: windows at its native resolution, never a resized copy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vision.pixels import extend, halve


class Grid(NamedTuple):
    """Upper edges and left edges of a grid of square windows."""

    tops: tuple[int, ...]
    lefts: tuple[int, ...]


class Windows(NamedTuple):
    """What the detector looks at.

    Attributes:
        pixels: uint8 `[size, size, 3]` each: of the image row by row, then of the halved image.
        positions: float32 `[N, 3]`: center y and x in parts of the image's sides, and the scale, 1 or 0.5.
        grid: of the windows of the image itself, in its extended copy.
    """

    pixels: list[np.ndarray]
    positions: np.ndarray
    grid: Grid


class WindowSizes(NamedTuple):
    """Side of the windows by the shorter side of the image.

    Attributes:
        usual: of most images.
        least: of images smaller than that; in between it is the image's shorter side.
        large: of images of at least four times this.
    """

    usual: int
    least: int
    large: int

    def of(self, shape: tuple[int, ...]) -> int:
        """For an image of this height and width."""
        shorter = min(shape)
        if shorter >= 4 * self.large:
            return self.large
        return max(min(self.usual, shorter // 4 * 4), self.least)  # networks take multiples of 4


def windows_of(image: np.ndarray, size: int, max_crops: int, thorough: bool = False) -> Windows:
    """Windows of a uint8 image `[H, W, 3]`; they share its memory where copies would take as much.

    A side shorter than `size` is extended by reflection (by tiling when it is very short), as in training.

    Args:
        image: at its native resolution.
        size: side of a window.
        max_crops: most windows, spread evenly.
        thorough: all windows at half a window's distance, of the image and of a copy of half its size.
    """
    first = _windows(image, size, max_crops, thorough, 1.0)
    if not thorough or min(image.shape[:2]) < size:  # what is halved to less than half a window would be mirrored more
        return first
    second = _windows(halve(image), size, max_crops, thorough, 0.5)
    positions = np.concatenate([first.positions, second.positions])
    return Windows([*first.pixels, *second.pixels], positions, first.grid)


def crop_grid(height: int, width: int, size: int, max_crops: int) -> Grid:
    """The fewest windows that cover an image, or `max_crops` spread evenly when it would take more.

    Args:
        height, width: of the image, in pixels, both at least `size`.
        size: side of a window.
        max_crops: at least 1.
    """
    rows, columns = -(-height // size), -(-width // size)
    if rows * columns > max_crops:
        rows, columns = _fitted(rows, columns, max_crops)
    return Grid(_spread(height, size, rows), _spread(width, size, columns))


def tile_grid(height: int, width: int, size: int, stride: int, max_tiles: int) -> Grid:
    """Overlapping windows about `stride` pixels apart, further apart when there would be more than `max_tiles`."""
    rows, columns = (1 + -(-(side - size) // stride) for side in (height, width))
    if rows * columns > max_tiles:
        rows, columns = _fitted(rows, columns, max_tiles)
    return Grid(_spread(height, size, rows), _spread(width, size, columns))


def cut(image: np.ndarray, grid: Grid, size: int) -> np.ndarray:
    """Copy the windows out of an image `[H, W, 3]`, row by row -> `[N, size, size, 3]`."""
    return np.stack([image[top : top + size, left : left + size] for top in grid.tops for left in grid.lefts])


def native_crops(image: np.ndarray, size: int, max_crops: int) -> np.ndarray:
    """Crops that cover a uint8 image `[H, W, 3]` evenly -> `[N, size, size, 3]`, N <= max_crops.

    A side shorter than `size` is extended by reflection (by tiling when it is very short), as in training.
    """
    image = extend(image, (size, size))
    height, width = image.shape[:2]
    return cut(image, crop_grid(height, width, size, max_crops), size)


def _windows(image: np.ndarray, size: int, max_crops: int, thorough: bool, scale: float) -> Windows:
    height, width = image.shape[:2]
    image = extend(image, (size, size))
    full_height, full_width = image.shape[:2]
    if thorough:
        grid = tile_grid(full_height, full_width, size, size // 2, full_height * full_width)
    else:
        grid = crop_grid(full_height, full_width, size, max_crops)
    corners = [(top, left) for top in grid.tops for left in grid.lefts]
    pixels = [image[top : top + size, left : left + size] for top, left in corners]
    if 2 * len(pixels) * size * size < full_height * full_width:  # else the image would stay in memory for them
        pixels = [window.copy() for window in pixels]
    shift = (full_height - height) // 2, (full_width - width) // 2
    centers = (np.array(corners) + size / 2 - shift) / (height, width)
    positions = np.concatenate([centers, np.full((len(corners), 1), scale)], axis=1).astype(np.float32)
    return Windows(pixels, positions, grid)


def _fitted(rows: int, columns: int, most: int) -> tuple[int, int]:
    """The grid of at most `most` windows that keeps both their number and the image's proportions best."""

    def merit(candidate: tuple[int, int]) -> tuple[float, int]:
        count = candidate[0] * candidate[1]
        proportion = (candidate[0] / rows) / (candidate[1] / columns)
        return round(count * min(proportion, 1 / proportion), 6), count

    return max(((r, min(columns, most // r)) for r in range(1, min(rows, most) + 1)), key=merit)


def _spread(length: int, size: int, count: int) -> tuple[int, ...]:
    if count == 1:
        return ((length - size) // 2,)
    return tuple(round(k * (length - size) / (count - 1)) for k in range(count))
