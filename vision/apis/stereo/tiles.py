"""Where large pairs are cut into tiles, so that what a tile shows has its partner in the tile of the other view.

Both views are cut at the same place. The network compares two images of one size and tells displacements between their
pixel coordinates: cut alike, these are the displacements of the full images, and a tile may start from its part of the
coarse field as it is.

What a cut loses: the pixel x of the left view has its partner at x - d. In a tile that starts at x0, the pixels with
x - d < x0 have none: a network can only guess there. That is the left part of the left tile, as wide as the largest
disparity; of the right view, whose partners lie at x + d, it is the right part. For flow, and for disparities of
both signs, either side may lose. Such pixels get the weight 0, and the neighbor, which overlaps by that much, tells
them. At the border of the image nothing is lost: what has no partner there has none at all.

Why fields fade: two tiles see different surroundings, and differ by a fraction of a pixel where both are right. A seam
would be a step of the depth that no surface has. Over a band they are mixed instead, with weights that sum up to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vision.models.stereo.sizes import MIN_SIZE, MULTIPLE  # the network works in blocks

# Pixels over which neighboring tiles fade into each other, and those next to a cut that are left out before: windows of
# attention and upsampling there reach beyond the cut, into padding.
FADE = 64
CUT = 32


class Reach(NamedTuple):
    """How far the fields of the two views go, in pixels, along one axis: ((before, after), (before, after)).

    "Before" is toward 0: the left view's fields point there, by the disparity. All numbers are 0 or more.
    """

    left: tuple[int, int]
    right: tuple[int, int]

    @property
    def span(self) -> int:
        """What a tile loses along the axis, in the view that loses more."""
        return max(sum(self.left), sum(self.right))


class Axis(NamedTuple):
    """Segments along one axis.

    Attributes:
        starts: of each segment.
        length: of every segment.
        weights: float32 `[2 views, segments, length]`; those of all segments on one pixel sum up to 1.
    """

    starts: tuple[int, ...]
    length: int
    weights: np.ndarray


class Tile(NamedTuple):
    """One tile, and what its pixels count: float32 `[2 views, height, width]` is `weights_y` by `weights_x`."""

    top: int
    left: int
    height: int
    width: int
    weights_y: np.ndarray
    weights_x: np.ndarray


def plan_tiles(height: int, width: int, pixels: int, reach_y: Reach, reach_x: Reach) -> list[Tile]:
    """The tiles of at most `pixels` pixels that cover a pair with the least work.

    Where the disparities leave no room for such tiles, strips over the full width, which may be larger.

    Args:
        height, width: of the views.
        pixels: in a tile.
        reach_y, reach_x: how far the fields go.
    """
    shapes = list(_shapes(height, width, pixels, reach_y, reach_x))
    if not shapes:
        # Strips lose nothing along x, however far disparities go; their height is what the fields along y need.
        tall = min(height, max(MIN_SIZE, 2 * (FADE + CUT) + reach_y.span + MULTIPLE, pixels // width))
        shapes = [(0, tall, width)]
    _, tile_height, tile_width = min(shapes)
    axis_y, axis_x = _axis(height, tile_height, reach_y), _axis(width, tile_width, reach_x)
    return [
        Tile(top, left, axis_y.length, axis_x.length, axis_y.weights[:, row], axis_x.weights[:, column])
        for row, top in enumerate(axis_y.starts)
        for column, left in enumerate(axis_x.starts)
    ]


def _shapes(height: int, width: int, pixels: int, reach_y: Reach, reach_x: Reach) -> Iterator[tuple[int, int, int]]:
    """(pixels of all tiles, height, width) of every possible shape; time grows with the pixels of all tiles."""
    for columns in range(1, width // MIN_SIZE + 2):
        tile_width = _fitting(width, columns, reach_x)
        tallest = min(height, pixels // tile_width)
        # Of a tile between two cuts: rows without a partner, two margins, and one band, shared with a neighbor.
        lost = reach_y.span + 2 * CUT + FADE
        # A tile that loses all its rows never gets anywhere.
        if tallest < min(height, MIN_SIZE) or (tallest < height and tallest <= lost):
            continue
        rows = 1 if tallest == height else -(-(height - lost) // (tallest - lost))
        tile_height = min(tallest, _fitting(height, rows, reach_y))
        yield rows * columns * tile_height * tile_width, tile_height, tile_width


def _fitting(length: int, count: int, reach: Reach) -> int:
    """The least length of `count` segments that cover an axis, in whole blocks: the network pads to them anyway."""
    lost = reach.span + 2 * CUT + FADE
    side = -(-(length + (count - 1) * lost) // count)
    return min(length, max(MIN_SIZE, -(-side // MULTIPLE) * MULTIPLE))


def _axis(length: int, side: int, reach: Reach) -> Axis:
    lost = reach.span + 2 * CUT + FADE
    count = 1 if side >= length else -(-(length - lost) // (side - lost))
    starts = tuple(round(k * (length - side) / max(count - 1, 1)) for k in range(count))
    weights = np.stack([_weights(length, side, starts, *view) for view in reach])
    return Axis(starts, min(side, length), weights)


def _weights(length: int, side: int, starts: tuple[int, ...], before: int, after: int) -> np.ndarray:
    """`[segments, side]`: 0 where partners lie outside, rising over the band to 1, and so that they sum up to 1."""
    x = np.arange(min(side, length))
    # No ramp at the borders of the image, where nothing is cut off.
    weights = np.ones((len(starts), len(x)), np.float32)
    total = np.zeros(length, np.float32)
    for number, start in enumerate(starts):
        if start > 0:
            weights[number] *= np.clip((x - before - CUT + 0.5) / FADE, 0, 1)
        if start + side < length:
            weights[number] *= np.clip((len(x) - x - after - CUT - 0.5) / FADE, 0, 1)
        total[start : start + side] += weights[number]
    # Starts are spread evenly: overlaps are wider than the band, and the ramps of neighbors do not add up to 1 yet.
    for number, start in enumerate(starts):
        weights[number] /= np.maximum(total[start : start + side], 1e-6)
    return weights
