"""Projection matrices of a rectified pair, as `cv2.stereoRectify`, ROS and ORB-SLAM have them."""

from __future__ import annotations

import numpy as np

from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import check_matrix

# By how much the focal lengths of a rectified pair may differ, in parts of them, and its rows, in pixels.
_SAME_FOCAL, _SAME_ROW = 1e-3, 0.5
# How far the second camera may stand off the line of the rows, in parts of the baseline; KITTI's do by 0.007.
_MAX_OFF_LINE = 0.03


def projections_to_calibration(
    p1: np.ndarray, p2: np.ndarray, size: tuple[int, int] | None, source: str, unit: str = ""
) -> StereoCalibration:
    """From the projection matrices `[3, 4]` of a rectified pair.

    Raises:
        CalibrationError: the cameras stand above each other, or the second one to the left of the first; or the
            matrices are not of a rectified pair.
    """
    shift = projection_shift(p1, p2, source)
    return StereoCalibration(
        focal=float(p1[0, 0]),
        focal_y=float(p1[1, 1]),
        cx=float(p1[0, 2]),
        cy=float(p1[1, 2]),
        baseline=float(shift[0]),
        doffs=float(p2[0, 2] - p1[0, 2]),
        unit=unit,
        size=size,
        source=source,
    )


def projection_shift(p1: np.ndarray, p2: np.ndarray, source: str) -> np.ndarray:
    """The way (x, y, 0) from the left to the right camera, in the rectified cameras' coordinates.

    Raises:
        CalibrationError: as `projections_to_calibration`.
    """
    if p1.shape != (3, 4) or p2.shape != (3, 4):
        raise CalibrationError(f"{source}: P1 is {p1.shape}, P2 {p2.shape}; expected 3 x 4 matrices")
    if not (np.isfinite(p1).all() and np.isfinite(p2).all()):
        raise CalibrationError(f"{source}: P1 or P2 holds values that are not finite; expected numbers")
    focal = float(p1[0, 0])
    if not focal > 0:
        raise CalibrationError(f"{source}: the focal length in P1 is {focal:g}; expected a positive number")
    shift = (p1[:2, 3] - p2[:2, 3]) / focal
    check_side(shift, source)
    check_rectified(p1, p2, ("P1", "P2"), source)
    return np.array([*shift, 0.0])


def check_rectified(left: np.ndarray, right: np.ndarray, names: tuple[str, str], source: str) -> None:
    """Refuse matrices `[3, 3]` or `[3, 4]` whose views do not agree row by row, as a rectified pair's do."""
    for matrix, name in zip((left, right), names, strict=True):
        check_matrix(matrix[:, :3], name, source)
    said = f"{source}: {names[0]} and {names[1]} are not of a rectified pair"
    for row, name in ((0, "fx"), (1, "fy")):
        focals = float(left[row, row]), float(right[row, row])
        if abs(focals[1] / focals[0] - 1) > _SAME_FOCAL:
            raise CalibrationError(f"{said}: {name} is {focals[0]:g} and {focals[1]:g}; expected the same")
    if abs(right[1, 2] - left[1, 2]) > _SAME_ROW:
        raise CalibrationError(f"{said}: cy is {left[1, 2]:g} and {right[1, 2]:g}; expected the same")
    if left.shape == right.shape == (3, 4):
        # The fourth column is K @ T, so that what lies off the line is along y and z.
        along, down, forth = np.linalg.solve(left[:, :3], right[:, 3] - left[:, 3])
        if max(abs(down), abs(forth)) > _MAX_OFF_LINE * abs(along):
            raise CalibrationError(
                f"{said}: between them lie ({-along:g}, {-down:g}, {-forth:g}); expected a way along x alone"
            )


def check_side(shift: np.ndarray, source: str) -> None:
    """Refuse cameras whose second does not stand to the right of the first; `shift` is from the first to the second."""
    if abs(shift[1]) > abs(shift[0]):
        raise CalibrationError(f"{source}: the cameras stand above each other; turn the images by 90 degrees first")
    # Verged and turned rigs have a part along z, which rectifying takes out.
    if abs(shift[-1]) > 2 * abs(shift[0]):
        raise CalibrationError(f"{source}: the cameras stand behind each other; expected one beside the other")
    if shift[0] < 0:
        raise CalibrationError(f"{source}: camera 2 stands to the left of camera 1; swap the two, and the images")
