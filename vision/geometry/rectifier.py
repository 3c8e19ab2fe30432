"""Rectifies raw pairs: afterward, what is on a row of the left image is on the same row of the right one."""

from __future__ import annotations

import cv2
import numpy as np

from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import CameraPair
from vision.geometry.opencv_file import projections_to_calibration

MAX_SIDE = 32766  # cv2.remap


class Rectifier:
    """Turns both views as if ideal cameras had taken them, side by side (OpenCV: Bouguet's method).

    The result has the size of the images; it is zoomed so that every pixel of it was seen (alpha = 0).

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
            r1, r2, p1, p2 = cv2.stereoRectify(
                fitted.k1,
                fitted.d1,
                fitted.k2,
                fitted.d2,
                size,
                fitted.rotation,
                fitted.translation.reshape(3, 1),
                flags=cv2.CALIB_ZERO_DISPARITY,
                alpha=0,
            )[:4]
        except cv2.error as error:
            raise CalibrationError(f"{cameras.source}: OpenCV cannot rectify with it ({error.err})") from None
        if not (np.isfinite(p1).all() and np.isfinite(p2).all()):
            raise CalibrationError(f"{cameras.source}: rectifying gives cameras that are not finite; check the values")
        self.calibration: StereoCalibration = projections_to_calibration(p1, p2, size, cameras.source)
        self._maps = [
            cv2.initUndistortRectifyMap(k, d, r, p[:, :3], size, cv2.CV_32FC1)
            for k, d, r, p in ((fitted.k1, fitted.d1, r1, p1), (fitted.k2, fitted.d2, r2, p2))
        ]

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rectify uint8 `[H, W, 3]` images; black where nothing was seen."""
        first, second = (
            cv2.remap(view, *maps, interpolation=cv2.INTER_LINEAR)
            for view, maps in zip((left, right), self._maps, strict=True)
        )
        return first, second
