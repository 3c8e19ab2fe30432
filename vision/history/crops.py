"""The parts of an image that are looked at: those with most texture, so that large images take no longer."""

from __future__ import annotations

import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GRID = 4  # candidates along each side
_MOST_DIFFERENCE = 16.0  # edges of high contrast must not outweigh fine texture


def textured_crops(image: np.ndarray, size: int, count: int) -> list[tuple[int, int]]:
    """Where the crops with most texture begin, the best first.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        size: side of a crop; of an image that is smaller there is one crop, all of it along that side.
        count: how many crops at most.

    Returns:
        Row and column of their first pixel.
    """
    starts = [sorted({round(i * max(side - size, 0) / (_GRID - 1)) for i in range(_GRID)}) for side in image.shape[:2]]
    # Crops may overlap in images of few crops, but hardly.
    rows, columns = ([s for i, s in enumerate(each) if i == 0 or s - each[i - 1] >= size // 2] for each in starts)
    places = [(row, column) for row in rows for column in columns]
    return sorted(places, key=lambda place: -_texture(image[place[0] :, place[1] :][:size, :size]))[:count]


def luma(image: np.ndarray) -> np.ndarray:
    """Y of JPEG, not rounded: float32 `[H, W]`."""
    return image @ _LUMA


def _texture(crop: np.ndarray) -> float:
    green = crop[::2, :, 1].astype(np.float32)
    difference = np.minimum(np.abs(np.diff(green, axis=1)), _MOST_DIFFERENCE)
    usable = (green[:, 1:] > 0) & (green[:, 1:] < 255)
    return float((difference * usable).mean())
