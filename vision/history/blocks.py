"""DCT of the 8x8 blocks of an image, wherever blocks may begin."""

from __future__ import annotations

import numpy as np

SIDE = 8

_FREQUENCIES, _PLACES = np.arange(SIDE)[:, None], np.arange(SIDE)[None]
_DCT = np.cos((2 * _PLACES + 1) * _FREQUENCIES * np.pi / 16) * np.where(_FREQUENCIES, 0.5, 0.125**0.5)
_DCT = _DCT.astype(np.float32)  # orthonormal, [frequency, place]


def coefficients(luma: np.ndarray, row: int, column: int) -> np.ndarray:
    """DCT coefficients of the blocks of a grid that begins at `row`, `column`.

    Args:
        luma: float32 `[H, W]`.

    Returns:
        float32 `[blocks, 64]`, vertical frequency times 8 plus horizontal.
    """
    high, wide = ((side - start) // SIDE for side, start in zip(luma.shape, (row, column), strict=True))
    cut = luma[row : row + SIDE * high, column : column + SIDE * wide]
    along_rows = cut.reshape(-1, SIDE) @ _DCT.T  # [H * wide, 8]
    both = np.matmul(_DCT, along_rows.reshape(high, SIDE, wide * SIDE))
    return both.reshape(high, SIDE, wide, SIDE).transpose(0, 2, 1, 3).reshape(high * wide, SIDE * SIDE)


def whole_blocks(usable: np.ndarray, row: int, column: int) -> np.ndarray:
    """Which blocks of that grid have usable pixels only.

    Args:
        usable: bool `[H, W]`.

    Returns:
        bool `[blocks]`.
    """
    high, wide = ((side - start) // SIDE for side, start in zip(usable.shape, (row, column), strict=True))
    cut = usable[row : row + SIDE * high, column : column + SIDE * wide]
    return cut.reshape(high, SIDE, wide, SIDE).all(axis=(1, 3)).ravel()
