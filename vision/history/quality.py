"""The quality of the last JPEG compression, from pixels alone.

The grid of blocks is searched at all 64 places, by the evidence that DCT coefficients were quantized there; then the
step of each frequency is compared with the standard tables.
"""

from __future__ import annotations

from itertools import product
from math import log

import numpy as np

from vision.history.blocks import SIDE, coefficients, whole_blocks
from vision.history.crops import luma, textured_crops
from vision.history.steps import STEPS, evidence, histograms
from vision.images import checked_array
from vision.images.jpeg import standard_tables

# Probability at most that an image that never was a JPEG is taken for one, if its coefficients are distributed
# smoothly, and larger ones are rarer.
MAX_FPR = 1e-6

_CROP = 33 * SIDE  # 32 x 32 blocks at each place of the grid
_NUM_CROPS = 3
_LEAST_SIDE = 4 * SIDE
_LOW = 6  # of the frequencies below it the grid is searched
_LEAD = 2.0  # of the evidence at the best place over that at any other
_SHARE = 0.5  # of all evidence that a standard table has to explain
_NUM_PLACES = SIDE * SIDE
# Blocks are alike if they have the same sum of coefficients, each with a weight of its own.
_PROJECTION = (1 + 7 * np.sqrt(np.arange(2, 1 + SIDE * SIDE))).astype(np.float32)


def estimate_jpeg_quality(image: np.ndarray) -> int | None:
    """Quality, 1 to 100, of the last JPEG compression that an image went through, where only its pixels are left.

    The blocks may begin anywhere, as in a crop. The quality is that of libjpeg's standard luminance table; of other
    tables it is that of the nearest, so that it is an estimate. An image that was resized, filtered or compressed in
    another way since has lost most of it. Compressed twice on the same grid, the coarser steps may show.

    Args:
        image: uint8 RGB `[H, W, 3]`.

    Returns:
        None if there is no trace of a compression: none was, or too little is left of it, as in images of less than
        32 x 32 pixels. At most one in a million images that never were a JPEG is taken for one (`MAX_FPR`).

    Raises:
        ImageError: another type or shape, or less than 8 x 8 pixels.
    """
    image = checked_array(image, "image")
    if min(image.shape[:2]) < _LEAST_SIDE:
        return None
    crops = [
        (row, column, image[row : row + _CROP, column : column + _CROP])
        for row, column in textured_crops(image, _CROP, _NUM_CROPS)
    ]
    grid = _find_grid(*crops[0])
    if grid is None:
        return None
    counts = sum(_counts(crop, (grid[0] - row) % SIDE, (grid[1] - column) % SIDE) for row, column, crop in crops)
    return _quality(evidence(np.asarray(counts)))


def _find_grid(row: int, column: int, crop: np.ndarray) -> tuple[int, int] | None:
    """Where the blocks of an image begin, modulo 8; None if no place stands out."""
    centered, usable = _centered(crop), _unclipped(crop)
    low = (np.arange(_LOW)[:, None] * SIDE + np.arange(_LOW)).ravel()[1:]
    places = list(product(range(SIDE), range(SIDE)))
    found = np.array([_strength(histograms(_blocks(centered, usable, *place)[:, low])) for place in places])
    found -= np.median(found)  # drawn patterns look quantized at all places alike
    best = int(found.argmax())
    if found[best] <= 0 or found[best] < _LEAD * np.delete(found, best).max():
        return None
    return (row + places[best][0]) % SIDE, (column + places[best][1]) % SIDE


def _strength(counts: np.ndarray) -> float:
    return float(np.maximum(evidence(counts).max(axis=1), 0).sum())


def _counts(crop: np.ndarray, row: int, column: int) -> np.ndarray:
    """Histograms of all frequencies but the mean, of blocks that are not alike: drawn patterns repeat themselves."""
    blocks = _blocks(_centered(crop), _unclipped(crop), row, column)[:, 1:]
    distinct = np.unique(np.round(blocks @ _PROJECTION), return_index=True)[1]
    return histograms(blocks[distinct])


def _blocks(centered: np.ndarray, usable: np.ndarray, row: int, column: int) -> np.ndarray:
    blocks = coefficients(centered, row, column)
    return blocks if usable.all() else blocks[whole_blocks(usable, row, column)]


def _centered(crop: np.ndarray) -> np.ndarray:
    return np.rint(luma(crop)) - 128


def _unclipped(crop: np.ndarray) -> np.ndarray:
    """Where the luma is that of the decoder: colors that it clipped have another."""
    return np.all((crop > 0) & (crop < 255), axis=2)


def _quality(found: np.ndarray) -> int | None:
    """The quality that steps `[63, steps]` tell."""
    tables = standard_tables()[:, 1:]
    standard = found[np.arange(len(found)), np.searchsorted(STEPS, tables)].sum(axis=1)
    best = found.max(axis=1)
    if standard.max() >= max(log(_NUM_PLACES * len(tables) / MAX_FPR), _SHARE * np.maximum(best, 0).sum()):
        # Neighbors may differ in steps only that no value shows: the middle one stands for all.
        return int(np.median(np.flatnonzero(standard >= standard.max() - 1))) + 1
    # A table of its own: each frequency has to stand for itself.
    sure = best >= log(_NUM_PLACES * len(best) * len(STEPS) / MAX_FPR)
    if not sure.any():
        return None
    distance = np.abs(np.log(tables / STEPS[found.argmax(axis=1)]))[:, sure].sum(axis=1)
    return int(distance.argmin()) + 1
