"""Rectification: points that two turned, distorted cameras see end up on one row, at the disparity of their depth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from vision.geometry import CalibrationError, CameraPair, Rectifier, StereoCalibration

SIZE = (400, 300)
K1 = np.array([[330.0, 0, 205], [0, 332, 148], [0, 0, 1]])
K2 = np.array([[340.0, 0, 195], [0, 338, 155], [0, 0, 1]])
POINTS = np.array([[-0.5, -0.3, 3.0], [0.4, 0.2, 2.5], [0.1, -0.2, 4.0], [-0.2, 0.35, 3.5], [0.6, -0.1, 3.2]])
CAMERAS = CameraPair(
    k1=K1,
    d1=np.array([-0.15, 0.02, 0.001, -0.001, 0]),
    k2=K2,
    d2=np.array([-0.1, 0.01, 0, 0.002, 0]),
    rotation=cv2.Rodrigues(np.array([0.02, -0.04, 0.03]))[0],
    translation=np.array([-0.2, 0.01, 0.005]),
    size=SIZE,
)


def views(cameras: CameraPair, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """What the cameras see of POINTS: a soft dot of its own color each."""
    rotations = (np.zeros(3), cv2.Rodrigues(cameras.rotation)[0])
    translations = (np.zeros(3), cameras.translation)
    grid = np.stack(np.meshgrid(*map(np.arange, size)), -1)
    pictures = []
    for k, d, r, t in zip((cameras.k1, cameras.k2), (cameras.d1, cameras.d2), rotations, translations, strict=True):
        picture = np.zeros((*size[::-1], 3), np.float32)
        for number, (x, y) in enumerate(cv2.projectPoints(POINTS, r, t, k, d)[0].reshape(-1, 2)):
            color = np.array([255, 51 * number, 255 - 51 * number])
            dot = np.exp(-np.square(grid - (x, y)).sum(-1) / 8)[..., None]
            picture += dot * color
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return pictures


def dots(picture: np.ndarray) -> np.ndarray:
    """Centers (x, y) of the dots, `[5, 2]`, in the order of POINTS by their colors."""
    count, labels, _, centers = cv2.connectedComponentsWithStats((picture[..., 0] > 40).astype(np.uint8))
    assert count == len(POINTS) + 1
    order, found = [], []
    for label in range(1, count):
        weights = np.where(labels == label, picture[..., 0], 0).astype(np.float64)
        rows, columns = np.indices(weights.shape)
        found.append(((columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()))
        x, y = np.rint(centers[label]).astype(int)
        order.append(picture[y, x, 1] / max(1, picture[y, x, 0]))
    return np.array(found)[np.argsort(order)]


@pytest.mark.parametrize("size", [SIZE, (800, 600)])
def test_rows_agree_and_disparities_give_depths(size: tuple[int, int]) -> None:
    rectifier = Rectifier(CAMERAS, *size)
    raw = views(CAMERAS.fitted(*size), size)
    assert np.abs(dots(raw[0])[:, 1] - dots(raw[1])[:, 1]).max() > 3
    left, right = (dots(view) for view in rectifier(*raw))
    assert np.abs(left[:, 1] - right[:, 1]).max() < 0.3
    calibration = rectifier.calibration
    depth = calibration.focal * calibration.baseline / (left[:, 0] - right[:, 0] + calibration.doffs)
    np.testing.assert_allclose(depth, POINTS[:, 2], rtol=0.05)
    assert calibration.baseline == pytest.approx(np.linalg.norm(CAMERAS.translation), rel=1e-6)
    assert calibration.size == size


def test_what_cannot_be_rectified() -> None:
    with pytest.raises(CalibrationError, match="is for images of 400 x 300 pixels, these are 300 x 300"):
        Rectifier(CAMERAS, 300, 300)
    swapped = replace(CAMERAS, translation=np.array([0.2, 0, 0]))
    with pytest.raises(CalibrationError, match="to the left of camera 1"):
        Rectifier(swapped, *SIZE)
    turned = replace(CAMERAS, rotation=cv2.Rodrigues(np.array([0, 0.6, 0]))[0], translation=np.array([-0.2, 0, 0.0]))
    assert Rectifier(turned, *SIZE).calibration.focal == pytest.approx(648, abs=5)
    lens = np.array([9e5, 1e9, 0, 0, 0])
    with pytest.raises(CalibrationError, match=r"rectifying would enlarge the images .* check R, D1 and D2"):
        Rectifier(replace(CAMERAS, d1=lens), *SIZE)
    upright = replace(CAMERAS, translation=np.array([0, -0.2, 0.0]))
    with pytest.raises(CalibrationError, match="above each other"):
        Rectifier(upright, *SIZE)


def raw_position(
    x: float, y: float, calibration: StereoCalibration, turn: np.ndarray, k: np.ndarray, d: np.ndarray
) -> tuple[float, float]:
    """Where the raw camera sees what a pixel of the rectified image shows, by the formulas of the pinhole model."""
    ray = turn.T @ [(x - calibration.cx) / calibration.focal, (y - calibration.cy) / calibration.focal, 1.0]
    u, v = ray[:2] / ray[2]
    square = u * u + v * v
    radial = 1 + d[0] * square + d[1] * square**2 + d[4] * square**3
    u, v = (
        u * radial + 2 * d[2] * u * v + d[3] * (square + 2 * u * u),
        v * radial + d[2] * (square + 2 * v * v) + 2 * d[3] * u * v,
    )
    return k[0, 0] * u + k[0, 2], k[1, 1] * v + k[1, 2]


def test_each_camera_has_its_own_lens_and_turn() -> None:
    lenses = (np.array([-0.3, 0.05, 0.004, -0.003, 0.01]), np.array([0.2, -0.04, -0.005, 0.006, 0.0]))
    cameras = replace(CAMERAS, d1=lenses[0], d2=lenses[1])
    rectifier = Rectifier(cameras, *SIZE)
    turn = np.reshape(rectifier.calibration.rotation, (3, 3))
    turns = (turn, turn @ cameras.rotation.T)
    axes = [np.broadcast_to(axis, SIZE[::-1]) for axis in (np.arange(SIZE[0]), np.arange(SIZE[1])[:, None])]
    grid = np.dstack([*axes, axes[0]]).astype(np.float32)  # each pixel holds its own place
    for found, own, k, d in zip(rectifier(grid, grid), turns, (K1, K2), lenses, strict=True):
        for x, y in ((20, 20), (370, 30), (30, 270), (380, 280), (200, 150)):
            np.testing.assert_allclose(found[y, x, :2], raw_position(x, y, rectifier.calibration, own, k, d), atol=0.05)
