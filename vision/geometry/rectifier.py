"""Rectifies raw pairs: afterward, what is on a row of the left image is on the same row of the right one."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import CameraPair, Rectification
from vision.geometry.lenses import FISHEYE
from vision.geometry.projections import projections_to_calibration

MAX_SIDE = 32766  # cv2.remap
# Rigs turned by 45 degrees to each other need 2 to 3; where no part of the images is seen by both, it is any number.
_MAX_ZOOM = 8


class Rectifier:
    """Turns both views as if ideal cameras had taken them, side by side (OpenCV: Bouguet's method).

    The result has the size of the images. It is zoomed so that every pixel of it was seen (alpha = 0, for a fisheye
    balance = 0), unless the calibration brings a rectification of its own.

    Args:
        cameras: as they are.
        width, height: of the images, which may be a scaled copy of those that the calibration is for.

    Attributes:
        calibration: of the rectified pair.

    Raises:
        CalibrationError: the calibration is for other images, describes cameras above each other or in the wrong
            order, or cannot be rectified.
    """

    def __init__(self, cameras: CameraPair, width: int, height: int) -> None:
        if max(width, height) > MAX_SIDE:
            raise CalibrationError(f"images of {width} x {height} pixels; OpenCV rectifies sides of up to {MAX_SIDE}")
        fitted = cameras.fitted(width, height)
        size = (width, height)
        try:
            r1, r2, p1, p2 = fitted.rectification or _rectification(fitted, size)
        except cv2.error as error:
            raise CalibrationError(f"{cameras.source}: OpenCV cannot rectify with it ({error.err})") from None
        if not (np.isfinite(p1).all() and np.isfinite(p2).all()):
            raise CalibrationError(f"{cameras.source}: rectifying gives cameras that are not finite; check the values")
        calibration = projections_to_calibration(p1, p2, size, cameras.source, cameras.unit)
        zoom = float(p1[0, 0] / fitted.k1[0, 0])
        if fitted.rectification is None and zoom > _MAX_ZOOM:
            raise CalibrationError(
                f"{cameras.source}: rectifying would enlarge the images {zoom:.3g} times: by their turn or their "
                "lenses, hardly anything is seen by both cameras; check R, D1 and D2"
            )
        self.calibration: StereoCalibration = replace(calibration, rotation=tuple(map(float, r1.ravel())))
        self._maps = [
            _maps(fitted.lens, k, d, r, p[:, :3], size)
            for k, d, r, p in ((fitted.k1, fitted.d1, r1, p1), (fitted.k2, fitted.d2, r2, p2))
        ]

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rectify uint8 `[H, W, 3]` images; black where nothing was seen."""
        first, second = (
            cv2.remap(view, *maps, interpolation=cv2.INTER_LINEAR)
            for view, maps in zip((left, right), self._maps, strict=True)
        )
        return first, second


def _rectification(cameras: CameraPair, size: tuple[int, int]) -> Rectification:
    pair = (cameras.k1, cameras.d1, cameras.k2, cameras.d2, size, cameras.rotation, cameras.translation.reshape(3, 1))
    if cameras.lens == FISHEYE:
        return Rectification(*cv2.fisheye.stereoRectify(*pair, flags=cv2.CALIB_ZERO_DISPARITY, balance=0)[:4])
    return Rectification(*cv2.stereoRectify(*pair, flags=cv2.CALIB_ZERO_DISPARITY, alpha=0)[:4])


def _maps(
    lens: str, k: np.ndarray, d: np.ndarray, r: np.ndarray, p: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Where in the raw image each pixel of the rectified one is."""
    undistort = cv2.fisheye.initUndistortRectifyMap if lens == FISHEYE else cv2.initUndistortRectifyMap
    along_x, along_y = undistort(k, d, r, p, size, cv2.CV_32FC1)
    return along_x, along_y
