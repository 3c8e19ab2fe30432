"""OpenCV's block matchers as baselines: StereoSGBM and StereoBM with every pixel filled in."""

from __future__ import annotations

import math

import cv2
import numpy as np

_FRACTION = 16  # OpenCV's disparities are in sixteenths of a pixel


def sgbm_disparity(left: np.ndarray, right: np.ndarray, max_disparity: float, pad: bool = False) -> np.ndarray:
    """Semi-global matching in all eight directions (`MODE_HH`), 5x5 blocks, OpenCV's usual penalties for color.

    Args:
        left, right: rectified views, uint8 RGB `[H, W, 3]`.
        max_disparity: largest disparity to look for, in pixels; rounded up to a multiple of 16.
        pad: extend both views to the left, so that the strip at the left edge is searched too. OpenCV alone gives
            no disparity for the first `max_disparity` columns.

    Returns:
        float32 `[H, W]`, the left view's disparities; holes are filled, see `fill_holes`.
    """
    count = _rounded(max_disparity, left.shape[1])
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=count,
        blockSize=5,
        P1=8 * 3 * 25,
        P2=32 * 3 * 25,
        disp12MaxDiff=1,
        preFilterCap=63,
        uniquenessRatio=10,
        speckleWindowSize=100,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_HH,
    )
    return _match(matcher, left, right, count if pad else 0)


def bm_disparity(left: np.ndarray, right: np.ndarray, max_disparity: float, pad: bool = False) -> np.ndarray:
    """Block matching with OpenCV's defaults and 15x15 blocks, on gray images; arguments as in `sgbm_disparity`."""
    count = _rounded(max_disparity, left.shape[1])
    matcher = cv2.StereoBM.create(numDisparities=count, blockSize=15)
    return _match(
        matcher, cv2.cvtColor(left, cv2.COLOR_RGB2GRAY), cv2.cvtColor(right, cv2.COLOR_RGB2GRAY), count if pad else 0
    )


def fill_holes(disparity: np.ndarray) -> np.ndarray:
    """Give every pixel a value: the smaller of its nearest known neighbors in the row, then in the column.

    A hole is mostly an occlusion, where the farther surface, with the smaller disparity, goes on.

    Args:
        disparity: float `[H, W]`, NaN where unknown.

    Returns:
        The map without NaN; all 0 where nothing is known at all.
    """
    return np.nan_to_num(_fill_rows(_fill_rows(disparity).T).T, nan=0.0)


def _match(matcher: cv2.StereoMatcher, left: np.ndarray, right: np.ndarray, margin: int) -> np.ndarray:
    if margin:
        left, right = (cv2.copyMakeBorder(view, 0, 0, margin, 0, cv2.BORDER_REPLICATE) for view in (left, right))
    disparity = matcher.compute(left, right)[:, margin:].astype(np.float32) / _FRACTION
    disparity[disparity < 0] = np.nan  # no match
    return fill_holes(disparity)


def _fill_rows(disparity: np.ndarray) -> np.ndarray:
    before = _carried(disparity)
    after = _carried(disparity[:, ::-1])[:, ::-1]
    return np.fmin(before, after)


def _carried(disparity: np.ndarray) -> np.ndarray:
    """Each row with the last known value carried to the right."""
    column = np.where(np.isnan(disparity), 0, np.arange(disparity.shape[1]))
    return np.take_along_axis(disparity, np.maximum.accumulate(column, axis=1), axis=1)


def _rounded(max_disparity: float, width: int) -> int:
    if not 0 < max_disparity < math.inf:
        raise ValueError(f"max_disparity is {max_disparity}; expected a positive number of pixels")
    # OpenCV refuses to look farther than the image is wide.
    return max(16, min(math.ceil(max_disparity / 16), (width - 1) // 16) * 16)
