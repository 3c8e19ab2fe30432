"""Depth from disparity."""

from __future__ import annotations

import numpy as np

from vision.geometry.calibration import StereoCalibration


def depth_of(disparity: np.ndarray, calibration: StereoCalibration) -> np.ndarray:
    """Distance along the optical axis: Z = focal * baseline / (disparity + doffs).

    Args:
        disparity: `[H, W]` in pixels of the image, not finite where unknown.
        calibration: of the pair; scaled to the image's size if need be.

    Returns:
        float32 `[H, W]` in the unit of the baseline; NaN where the disparity is unknown or the sum not positive.

    Raises:
        CalibrationError: the calibration is for images of other proportions.
    """
    fitted = calibration.fitted(disparity.shape[1], disparity.shape[0])
    total = disparity.astype(np.float32) + np.float32(fitted.doffs)
    depth = np.full(disparity.shape, np.nan, np.float32)
    np.divide(np.float32(fitted.focal * fitted.baseline), total, out=depth, where=np.isfinite(total) & (total > 0))
    return depth
