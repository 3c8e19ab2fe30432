"""Draws the window of a token over the image: each key by its weight, the query, the window's edge."""

from __future__ import annotations

import cv2
import numpy as np

from vision.structures.attention import BlockAttention

_COLORMAP = cv2.COLORMAP_VIRIDIS
_QUERY = (255, 64, 160)
_EDGE = (255, 255, 255)
_DIM = 0.35  # what is left of the image's light outside of the keys
_SHARE = 0.7  # of a key's color over the image


def draw_attention(
    image: np.ndarray, attention: BlockAttention, head: int | None = None, side: int = 720
) -> np.ndarray:
    """The image with every key of the window in a color from dark blue (none) to yellow (the highest weight).

    Args:
        image: uint8 RGB `[H, W, 3]`, the one that was looked at, of any size.
        attention: of one of its pixels.
        head: whose weights; None for the mean of all.
        side: longer side of the drawing in pixels.

    Returns:
        uint8 RGB, the whole image in its proportions. Keys in padding lie outside of it and are not seen.
    """
    factor = side / max(image.shape[:2])
    height, width = (max(1, round(length * factor)) for length in image.shape[:2])
    canvas = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    drawn = np.rint(canvas * _DIM).astype(np.uint8)
    weights = attention.weights.mean(0) if head is None else attention.weights[head]
    levels = np.rint(255 * weights / max(float(weights.max()), 1e-12)).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels[:, None], _COLORMAP), cv2.COLOR_BGR2RGB)[:, 0]
    for key, color in zip(attention.keys, colors, strict=True):
        top, left, bottom, right = _box(key, attention, (height, width))
        part = canvas[top:bottom, left:right].astype(np.float32)
        drawn[top:bottom, left:right] = np.rint((1 - _SHARE) * part + _SHARE * color).astype(np.uint8)
    thickness = max(1, round(side / 360))
    first, last = (
        _box(attention.keys.min(0), attention, (height, width)),
        _box(attention.keys.max(0), attention, (height, width)),
    )
    cv2.rectangle(drawn, (first[1], first[0]), (last[3] - 1, last[2] - 1), _EDGE, thickness)
    top, left, bottom, right = _box(np.array(attention.query), attention, (height, width))
    cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), _QUERY, 2 * thickness)
    return drawn


def _box(token: np.ndarray, attention: BlockAttention, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right edge of a token in the drawing, cut to it."""
    edges = []
    for offset in (0, 1):
        for axis in (0, 1):
            place = (int(token[axis]) + offset) * attention.pixels * size[axis] / attention.size[axis]
            edges.append(int(np.clip(round(place), 0, size[axis])))
    return edges[0], edges[1], edges[2], edges[3]
