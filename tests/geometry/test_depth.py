"""Depth, point clouds and PLY files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vision.geometry import CalibrationError, StereoCalibration, depth_of, point_cloud, write_ply

CALIBRATION = StereoCalibration(focal=100, baseline=2, cx=10, cy=5, doffs=1, focal_y=50, unit="m", size=(20, 10))


def test_depth_follows_the_formula() -> None:
    disparity = np.full((10, 20), 4, np.float32)
    disparity[0, :5] = [-1, -2, np.nan, np.inf, 0]
    depth = depth_of(disparity, CALIBRATION)
    assert depth.dtype == np.float32 and depth[1, 0] == 100 * 2 / 5 and depth[0, 4] == 200
    assert np.isnan(depth[0, :4]).all() and np.isfinite(depth[1:]).all()


def test_depth_of_scaled_images_is_the_same() -> None:
    full = depth_of(np.full((10, 20), 4, np.float32), CALIBRATION)
    half = depth_of(np.full((5, 10), 2, np.float32), CALIBRATION)
    assert half[0, 0] == full[0, 0]
    fitted = CALIBRATION.fitted(10, 5)
    assert (fitted.cx, fitted.cy, fitted.focal, fitted.focal_y) == (4.75, 2.25, 50, 25)
    with pytest.raises(CalibrationError, match=r"is for images of 20 x 10 pixels, these are 20 x 20"):
        depth_of(np.ones((20, 20), np.float32), CALIBRATION)


def test_rounded_sizes_of_scaled_images_fit() -> None:
    calibration = StereoCalibration(focal=100, baseline=1, size=(2964, 1988))
    assert calibration.fitted(741, 497).focal == pytest.approx(25)
    assert calibration.fitted(707, 474).focal == pytest.approx(100 * 707 / 2964)
    assert StereoCalibration(focal=100, baseline=1).fitted(7, 5).cx == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"focal": 0.0}, "focal is 0"),
        ({"focal": float("inf")}, "focal is inf"),
        ({"baseline": 0.0}, "baseline is 0"),
        ({"cx": float("nan")}, "cx is nan"),
    ],
)
def test_impossible_values(values: dict[str, float], message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        StereoCalibration(**{"focal": 1.0, "baseline": 1.0, **values})


def test_points_are_where_the_camera_saw_them() -> None:
    depth = np.full((10, 20), 8, np.float32)
    depth[0, 0], depth[0, 1] = np.nan, 100
    image = np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(10, 20, 3)
    keep = np.ones((10, 20), bool)
    keep[0, 2] = False
    points, colors = point_cloud(depth, image, CALIBRATION, keep, max_depth=50)
    assert points.shape == colors.shape == (197, 3) and points.dtype == np.float32
    # The last pixel, (19, 9).
    assert points[-1].tolist() == pytest.approx([(19 - 10) / 100 * 8, (9 - 5) / 50 * 8, 8])
    assert colors[-1].tolist() == image[9, 19].tolist() and points[0, 0] == np.float32((3 - 10) / 100 * 8)
    with pytest.raises(ValueError, match="point cloud of"):
        point_cloud(depth[:5], image, CALIBRATION)


def read_ply(path: Path) -> tuple[list[str], np.ndarray]:
    header, data = path.read_bytes().split(b"end_header\n", 1)
    kinds = [(name, "<f4" if name in "xyz" else "u1") for name in ("x", "y", "z", "red", "green", "blue")]
    return header.decode("ascii").splitlines(), np.frombuffer(data, kinds)


def test_ply(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    colors = np.arange(21, dtype=np.uint8).reshape(7, 3)
    write_ply(tmp_path / "p.ply", points, colors, "unit: m\nü")
    header, vertices = read_ply(tmp_path / "p.ply")
    assert header[:3] == ["ply", "format binary_little_endian 1.0", "comment unit: m ?"]
    assert header[3] == "element vertex 7" and header[4] == "property float x" and header[7] == "property uchar red"
    assert np.array_equal(np.stack([vertices[n] for n in "xyz"], 1), points)
    assert np.array_equal(np.stack([vertices[n] for n in ("red", "green", "blue")], 1), colors)
    write_ply(tmp_path / "empty.ply", points[:0], colors[:0])
    assert "element vertex 0" in read_ply(tmp_path / "empty.ply")[0]
    with pytest.raises(ValueError, match=r"expected \[N, 3\] both"):
        write_ply(tmp_path / "bad.ply", points, colors[:3])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.ply", "p.ply"]
