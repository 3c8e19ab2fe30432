"""Runs the matching network on images of any size: whole, enlarged, reduced, or in tiles.

In tiles, a reduced copy is matched first. Its field tells how far the tiles must reach, and each tile starts from it:
what no tile shows in full, such as a large plain wall, is still matched by what surrounds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from vision.apis.base import autocast
from vision.apis.stereo.fields import from_network, resized, to_network
from vision.apis.stereo.memory import RESULT_BYTES, allocating, check_memory, fits, needed_memory
from vision.apis.stereo.tiles import Reach, Tile, plan_tiles

# How far a tile looks: a little beyond what all but this share of the pixels need, as seen in a reduced copy. Single
# wrong pixels would have all tiles overlap by hundreds of pixels; the factor and the margin allow for what the reduced
# copy gets slightly wrong.
_OUTLIERS = 0.0005
_REACH_FACTOR, _REACH_MARGIN = 1.1, 16
# How far small images are enlarged where the scale is left to us: the finest map has a quarter of their resolution.
AUTO_SCALE, AUTO_PIXELS = 2.0, 1_000_000


class Size(NamedTuple):
    """Of an image in pixels, height first as in arrays."""

    height: int
    width: int


class PairMatcher:
    """Fields of both views, float32 `[2, H, W, C]` as `vision.apis.stereo.fields` describes them.

    Args:
        network: takes two images `[1, 3, H, W]` (0..255) and `init_flow` (`[2, H, W, 2]` or None); returns a dict with
            `field_up` `[2, H, W, 2]`.
        device: where it is.
        precision: "fp32", "bf16" or "fp16", by autocast.
        is_flow: whether pixels move along y, too.
        scale: how many times images are enlarged before matching (below 1: reduced); fields are scaled back. None
            enlarges up to 2 times, to at most 1 million pixels, tile x tile, and what fits into memory.
        max_size: longest side of the images that are matched, whatever the scale.
        tile: larger images than tile x tile pixels are matched reduced first, then in tiles of at most that many
            pixels, each starting from the reduced field. None matches any image whole.
        coarse_to_fine: match copies of half the size first, and start from their field: a quarter more work, for large
            disparities above all.
        on_tile: called with the number of tiles that are done, and that of all tiles.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        precision: str = "fp32",
        is_flow: bool = False,
        scale: float | None = 1.0,
        max_size: int | None = None,
        tile: int | None = None,
        coarse_to_fine: bool = False,
        on_tile: Callable[[int, int], None] | None = None,
    ) -> None:
        self.network, self.device, self.is_flow = network, device, is_flow
        self.precision = precision
        self.scale, self.max_size, self.tile = scale, max_size, tile
        self.coarse_to_fine, self.on_tile = coarse_to_fine, on_tile

    @torch.inference_mode()
    def __call__(self, left: np.ndarray, right: np.ndarray, size: Size, start: np.ndarray | None = None) -> np.ndarray:
        """Match two uint8 images `[H, W, 3]`.

        Args:
            left, right: of one size.
            size: what they are matched at, as `size_for` says.
            start: a field to start from, such as that of the frame before.

        Raises:
            TooLargeError: they do not fit into memory.
        """
        height, width = left.shape[:2]
        what, advice = _told(height, width, size), self.advice()
        # Before anything is made: an enlarged copy alone may be what does not fit.
        check_memory(what, self._needed(height, width, size), self.device, advice)
        with allocating(what, self.device, advice):
            left, right = (_scaled(view, *size) for view in (left, right))
            start = None if start is None else resized(start, *size)
            whole = self.tile is None or size.height * size.width <= self.tile**2
            if whole and start is None and self.coarse_to_fine:
                start = self._coarse(left, right, 0.5)
            run = self._whole if whole else self._tiled
            return resized(run(left, right, start), height, width)

    def size_for(self, height: int, width: int) -> Size:
        """What images of this size are matched at, as things are."""
        size = self.size_wanted(height, width)
        if self.scale is None and not fits(self._needed(height, width, size), self.device):
            return self._size_at(1.0, height, width)
        return size

    def size_wanted(self, height: int, width: int) -> Size:
        """The same if there were memory enough."""
        if self.scale is not None:
            return self._size_at(self.scale, height, width)
        most = AUTO_PIXELS if self.tile is None else min(AUTO_PIXELS, self.tile**2)
        return self._size_at(max(1.0, min(AUTO_SCALE, (most / (height * width)) ** 0.5)), height, width)

    def advice(self) -> str:
        """What helps when images do not fit into memory."""
        tile = "tile=1024" if self.tile is None else "a smaller tile"
        smaller = "" if self.scale is None or self.scale <= 1 else "a smaller scale, "
        return f"use {smaller}{tile}, or max_size"

    def _size_at(self, scale: float, height: int, width: int) -> Size:
        if self.max_size is not None:
            scale = min(scale, self.max_size / max(height, width))
        return Size(max(1, round(height * scale)), max(1, round(width * scale)))

    def _needed(self, height: int, width: int, size: Size) -> int:
        """Bytes that images of `height` x `width` take when they are matched at another size."""
        rows, columns = size
        if self.tile is not None and rows * columns > self.tile**2:
            rows = columns = self.tile
        needed = needed_memory(rows, columns, self.network, self.device, self.is_flow)
        return needed + RESULT_BYTES * max(height * width, size.height * size.width)

    def _whole(self, left: np.ndarray, right: np.ndarray, start: np.ndarray | None) -> np.ndarray:
        images = [self._image(view) for view in (left, right)]
        init = None if start is None else to_network(start, self.device)
        with autocast(self.device, self.precision):
            out = self.network(*images, init_flow=init)
        return from_network(out["field_up"], self.is_flow)

    def _image(self, view: np.ndarray) -> Tensor:
        return torch.from_numpy(view).to(self.device).permute(2, 0, 1)[None].float()

    def _tiled(self, left: np.ndarray, right: np.ndarray, start: np.ndarray | None) -> np.ndarray:
        assert self.tile is not None
        height, width = left.shape[:2]
        # A copy of as many pixels as a tile has.
        coarse = self._coarse(left, right, self.tile / (height * width) ** 0.5, start)
        reach_x = _reach(coarse[..., 0], width)
        # Rectified views: a pixel and its partner are in one row.
        reach_y = _reach(coarse[..., 1], height) if self.is_flow else Reach((0, 0), (0, 0))
        tiles = plan_tiles(height, width, self.tile**2, reach_y, reach_x)
        tall, wide = tiles[0].height, tiles[0].width
        if tall * wide > self.tile**2:  # disparities as wide as tiles
            needed = needed_memory(tall, wide, self.network, self.device, self.is_flow)
            needed += RESULT_BYTES * height * width
            what = f"{width} x {height} pixels in tiles of {wide} x {tall}, which its disparities need,"
            check_memory(what, needed, self.device, "use a larger tile, or max_size", code="tile-out-of-memory")
        field = np.zeros_like(coarse)
        for number, tile in enumerate(tiles):
            self._report(number, len(tiles))
            rows = slice(tile.top, tile.top + tile.height)
            columns = slice(tile.left, tile.left + tile.width)
            part = self._whole(left[rows, columns], right[rows, columns], coarse[:, rows, columns])
            field[:, rows, columns] += part * _weights(tile)
        self._report(len(tiles), len(tiles))
        return field

    def _coarse(self, left: np.ndarray, right: np.ndarray, scale: float, start: np.ndarray | None = None) -> np.ndarray:
        """The field of reduced copies, enlarged."""
        height, width = left.shape[:2]
        size = (max(1, int(height * scale)), max(1, int(width * scale)))
        small_left, small_right = (_scaled(view, *size) for view in (left, right))
        small_start = None if start is None else resized(start, *size)
        return resized(self._whole(small_left, small_right, small_start), height, width)

    def _report(self, done: int, total: int) -> None:
        if self.on_tile is not None:
            self.on_tile(done, total)


def _told(height: int, width: int, size: Size) -> str:
    at = "" if size == (height, width) else f" at {size.width} x {size.height}"
    return f"{width} x {height} pixels{at}"


def _weights(tile: Tile) -> np.ndarray:
    """What each pixel counts, `[2, H, W, 1]`."""
    return (tile.weights_y[:, :, None] * tile.weights_x[:, None, :])[..., None]


def _reach(field: np.ndarray, length: int) -> Reach:
    """How far the two views' fields `[2, H, W]` go along their axis: negative values before, positive ones after."""
    ends = [np.quantile(view, [_OUTLIERS, 1 - _OUTLIERS]) for view in field]
    pairs = []
    for low, high in ends:
        far = [int(_REACH_FACTOR * float(side) + _REACH_MARGIN) if side > 0 else 0 for side in (-low, high)]
        pairs.append((min(far[0], length), min(far[1], length)))
    return Reach(*pairs)


def _scaled(view: np.ndarray, height: int, width: int) -> np.ndarray:
    if view.shape[:2] == (height, width):
        return view
    # The mean of areas, when reduced: interpolation would skip pixels, and fine patterns would alias.
    mode = cv2.INTER_CUBIC if height > view.shape[0] else cv2.INTER_AREA
    return cv2.resize(view, (width, height), interpolation=mode)
