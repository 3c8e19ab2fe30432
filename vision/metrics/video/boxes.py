"""Overlap of boxes that are given by two corners."""

from __future__ import annotations

import numpy as np


def box_iou(first: np.ndarray, second: np.ndarray, plus_one: bool = False) -> np.ndarray:
    """Intersection over union of every box with every other; 0 where both are empty.

    Args:
        first: `[N, 4]` x1, y1, x2, y2.
        second: `[M, 4]`.
        plus_one: count x2 and y2 as the last pixels inside, as PASCAL VOC does: a box is x2 - x1 + 1 wide.

    Returns:
        `[N, M]`, float64.
    """
    return paired_iou(first[:, None], second[None], plus_one)


def paired_iou(first: np.ndarray, second: np.ndarray, plus_one: bool = False) -> np.ndarray:
    """The same of boxes `[..., 4]` that are paired by their place: `[...]`."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    top_left = np.maximum(first[..., :2], second[..., :2])
    bottom_right = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.clip(bottom_right - top_left + plus_one, 0, None).prod(-1)
    union = _areas(first, plus_one) + _areas(second, plus_one) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _areas(boxes: np.ndarray, plus_one: bool) -> np.ndarray:
    return np.clip(boxes[..., 2:] - boxes[..., :2] + plus_one, 0, None).prod(-1)
