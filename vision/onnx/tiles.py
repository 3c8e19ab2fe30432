"""Index tables that turn neighborhood attention into dense attention inside small tiles of queries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.ops.neighborhood.arguments import Axis

# Queries of a tile, all axes together: enough for efficient matrix products, few enough to waste little of them.
TILE_QUERIES = 64


@dataclass(frozen=True)
class AxisTiles:
    """One axis cut into T tiles of Q queries, each with the K keys that one of its queries sees.

    Args:
        queries: `[T, Q]`, tokens; tiles at an end repeat their last token.
        keys: `[T, K]`, tokens.
        visible: `[T, Q, K]`, whether the query sees the key.
        offsets: `[T, Q, K]`, index of the positional bias, 0 where a key is not visible.
        inverse: `[length]`, where each token is in `queries.ravel()`.
    """

    queries: NDArray[np.int64]
    keys: NDArray[np.int64]
    visible: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    inverse: NDArray[np.int64]


def tile_sides(axes: Sequence[Axis]) -> list[int]:
    """Queries of a tile along each axis.

    A side below the kernel size would gather every key many times, a longer one than the axis would be padding.
    """
    sides = []
    for axis in axes:
        group = math.ceil(axis.length / axis.dilation)
        tiles = math.ceil(group / tile_side(len(axes), axis.kernel_size))
        sides.append(math.ceil(group / tiles))  # tiles of equal size waste least
    return sides


def tile_side(rank: int, kernel_size: int) -> int:
    """Queries of a tile along an axis of any length, of a window with `rank` axes."""
    return max(round(TILE_QUERIES ** (1 / rank)), kernel_size)


def axis_tiles(axis: Axis, side: int) -> AxisTiles:
    """Tiles of `side` queries of an axis; a tile holds tokens of one residue modulo `dilation`, as its windows do."""
    length, kernel, _, dilation, _ = axis
    lengths = [math.ceil((length - group) / dilation) for group in range(dilation)]
    tiles = [_tile(np.arange(first, first + side), n, axis) for n in lengths for first in range(0, n, side)]
    groups = [group for group, n in enumerate(lengths) for _ in range(0, n, side)]
    width = max(int(end.max() - start.min()) for _, start, end in tiles)
    shape = (len(tiles), side, width)
    queries, keys = np.zeros(shape[:2], np.int64), np.zeros((shape[0], width), np.int64)
    visible, offsets = np.zeros(shape, np.bool_), np.zeros(shape, np.int64)
    for t, (group, (position, start, end)) in enumerate(zip(groups, tiles, strict=True)):
        key = start.min() + np.arange(width)
        visible[t] = (key >= start[:, None]) & (key < end[:, None])
        offsets[t] = np.where(visible[t], key - position[:, None] + kernel - 1, 0)
        queries[t] = position * dilation + group
        # Keys past the end are masked; they only have to exist.
        keys[t] = np.minimum(key * dilation + group, length - 1)
    _, inverse = np.unique(queries, return_index=True)
    return AxisTiles(queries, keys, visible, offsets, inverse.astype(np.int64))


Tile = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _tile(position: NDArray[np.int64], length: int, axis: Axis) -> Tile:
    """Positions in a group of `length` tokens, kept inside it, and first and one past the last key of their windows.

    The formula of `vision.ops.neighborhood.window` in NumPy: tensors made while a graph is traced have no values.
    """
    kernel, stride = axis.kernel_size, axis.stride
    position = np.minimum(position, length - 1)
    block = position // stride * stride
    if axis.is_causal:
        leader = np.minimum(block + stride - 1, length - 1)
        return position, np.maximum(leader - kernel + 1, 0), position + 1
    leader = np.minimum(block + stride // 2, length - 1)
    start = np.clip(leader - kernel // 2, 0, length - kernel)
    return position, start, start + kernel
