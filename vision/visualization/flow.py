"""Optical flow in colors: the hue is the direction, the saturation the length; white is at rest."""

from __future__ import annotations

import cv2
import numpy as np


def longest(flow: np.ndarray) -> float:
    """The 99th percentile of the lengths of `[H, W, 2]`, at least 1 pixel: what full saturation stands for."""
    lengths = np.hypot(flow[..., 0], flow[..., 1])
    known = lengths[np.isfinite(lengths)]
    return max(1.0, float(np.quantile(known, 0.99))) if known.size else 1.0


def flow_colors(flow: np.ndarray, most: float | None = None) -> np.ndarray:
    """Color a flow field.

    Args:
        flow: `[H, W, 2]`, (x, y) in pixels; not finite where unknown, which is black.
        most: length of full saturation; by default `longest`.

    Returns:
        uint8 RGB `[H, W, 3]`.
    """
    most = longest(flow) if most is None else most
    known = np.isfinite(flow).all(axis=2)
    x, y = (np.where(known, flow[..., axis], 0).astype(np.float32) for axis in (0, 1))
    length, angle = cv2.cartToPolar(x, y, angleInDegrees=True)
    hsv = np.empty((*known.shape, 3), np.float32)
    hsv[..., 0], hsv[..., 1], hsv[..., 2] = angle % 360, np.clip(length / most, 0, 1), known
    return np.rint(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)


def flow_wheel(size: int) -> np.ndarray:
    """The key to the colors, uint8 RGB `[size, size, 3]`: the color of moving there from the middle."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    flow = np.stack(np.meshgrid(line, line), axis=2)
    flow[np.hypot(flow[..., 0], flow[..., 1]) > 1] = np.nan
    return flow_colors(flow, 1.0)
