"""Images of point clouds."""

from __future__ import annotations

import numpy as np

from vision.visualization.points import render_points


def wall(columns: int = 40, rows: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A wall two meters away, its left half red, with a green point in front of its middle."""
    x, y = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(-0.75, 0.75, rows))
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, 2.0)], axis=1)
    colors = np.where(points[:, :1] < 0, [[255, 0, 0]], [[0, 0, 255]]).astype(np.uint8)
    return np.vstack([points, [[0, 0, 1.0]]]), np.vstack([colors, [[0, 255, 0]]]).astype(np.uint8)


def test_from_the_camera_left_is_left_and_the_nearer_hides_the_farther() -> None:
    picture = render_points(*wall(), size=(120, 160), yaw=0, pitch=0)
    assert picture.shape == (120, 160, 3) and picture.dtype == np.uint8
    assert picture[60, 30].tolist() == [255, 0, 0] and picture[60, 130].tolist() == [0, 0, 255]
    assert picture[60, 80].tolist() == [0, 255, 0]
    assert picture[0, 0].tolist() == [22, 24, 29]


def test_the_camera_goes_round_the_cloud() -> None:
    right = render_points(*wall(), size=(120, 160), yaw=30, pitch=0)
    left = render_points(*wall(), size=(120, 160), yaw=-30, pitch=0)
    green = [np.nonzero((p == [0, 255, 0]).all(-1))[1].mean() for p in (right, left)]
    assert green[0] < 75 and green[1] > 85  # what is near goes the other way


def test_no_points_are_no_error() -> None:
    picture = render_points(np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8), size=(8, 9))
    assert (picture == [22, 24, 29]).all()
