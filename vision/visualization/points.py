"""A point cloud seen from somewhere else, as an image."""

from __future__ import annotations

import numpy as np

from vision.visualization.canvas import BACKGROUND


def render_points(
    points: np.ndarray,
    colors: np.ndarray,
    size: tuple[int, int] = (480, 800),
    yaw: float = 20.0,
    pitch: float = -12.0,
    background: tuple[int, int, int] = BACKGROUND,
) -> np.ndarray:
    """Draw points by their distance, each as a square that grows with nearness, after a turn about the cloud's middle.

    Args:
        points: `[N, 3]` in the camera's coordinates: x right, y down, z forward.
        colors: uint8 `[N, 3]`.
        size: height and width of the image.
        yaw: degrees that the camera goes around the cloud to the right.
        pitch: degrees that it goes up (negative) or down.
        background: color where there is no point.

    Returns:
        uint8 RGB `[H, W, 3]`.
    """
    height, width = size
    image = np.empty((height, width, 3), np.uint8)
    image[:] = background
    if not len(points):
        return image
    middle = np.median(points, axis=0)
    turned = (points - middle) @ _turn(yaw, pitch).T + [0, 0, middle[2]]
    turned, colors = turned[turned[:, 2] > 1e-3 * middle[2]], colors[turned[:, 2] > 1e-3 * middle[2]]
    # As wide as the cloud is: all but its outermost points fit.
    flat = turned[:, :2] / turned[:, 2:]
    focal = 0.45 / np.quantile(np.abs(flat) / [width, height], 0.98)
    place = np.rint(flat * focal + [width / 2, height / 2]).astype(int)
    order = np.argsort(-turned[:, 2])  # the nearest last, over the others
    side = 1 + int(np.sqrt(2 * width * height / len(order)))
    steps = np.arange(side) - side // 2
    x = place[order, 0, None] + np.tile(steps, side)
    y = place[order, 1, None] + np.repeat(steps, side)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    image[y[inside], x[inside]] = np.repeat(colors[order, None], side * side, axis=1)[inside]
    return image


def _turn(yaw: float, pitch: float) -> np.ndarray:
    a, b = np.radians([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    return about_x @ about_y
