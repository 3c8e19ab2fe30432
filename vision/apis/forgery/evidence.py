"""Whether an image holds anything to judge, and why a verdict is open.

Traces of a camera or a generator lie in texture and noise. Flat drawings, pages of text and plain colors have neither,
and an icon is too small; the model gives any of them a number all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vision.errors import Notice

if TYPE_CHECKING:
    from vision.apis.forgery.findings import PixelFindings
    from vision.models.forgery.calibration import ForgeryCalibration

# Measured on 2018 crops of photographs and generated images: docs/forgery.md has the shares.
LEAST_SHARE = 0.25
# Where the calibration does not know such images: the model's card has the figures after JPEG 70 and at half size.
POOR_QUALITY = 70
_RESAMPLED = 0.1  # by which the factor differs from 1
_BLOCK = 8
# A block whose values lie near its ends is ink on paper or an edge between two fills, however soft or compressed.
_NEAR, _MOST_NEAR, _CONTRAST = 0.25, 0.75, 64
# So is one with contrast, of which so many of its 64 pixels have the same value.
_SAME, _SAME_CONTRAST = 26, 24


def missing_evidence(crops: np.ndarray, height: int, width: int) -> Notice | None:
    """Why an image cannot be told to be real or generated; None if it can.

    Args:
        crops: uint8 `[N, size, size, 3]`, what the model sees of it.
        height, width: of the image, which is extended where it is smaller than a crop.
    """
    least = crops.shape[1] // 4
    if min(height, width) < least:
        text = f"no evidence: {width} x {height} pixels are too few; a verdict needs {least} on the shorter side"
        return Notice(text, "no-evidence", (height, width))
    share = float(np.mean([textured_share(crop) for crop in crops]))
    if share >= LEAST_SHARE:
        return None
    text = (
        f"no evidence: {share:.0%} of the image have texture or noise, the rest is flat color, lettering or drawn "
        f"edges; a verdict needs {LEAST_SHARE:.0%}"
    )
    return Notice(text, "no-evidence", round(share, 4))


def weak_evidence(calibration: ForgeryCalibration, history: PixelFindings, is_unstable: bool = False) -> Notice | None:
    """What explains that a verdict is "inconclusive", where an image has something to judge; None if nothing does.

    Args:
        calibration: of the detector, for all images.
        history: of the pixels.
        is_unstable: whether recompressed copies got another verdict.
    """
    quality, scale = history.jpeg_quality, history.scale
    if is_unstable:
        return Notice("the verdict changes when the image is recompressed", "weak-evidence")
    if quality is not None and _is_poor(quality, calibration):
        source = ", as its pixels tell" if history.is_measured else ""
        return Notice(f"JPEG quality {quality}{source}: little evidence left", "weak-evidence", quality)
    if scale is not None and _is_resampled(scale, calibration):
        return Notice(f"resized to about {scale:.2g} times its size: little evidence left", "weak-evidence", scale)
    return None


def _is_poor(quality: int, calibration: ForgeryCalibration) -> bool:
    return calibration.at(quality) is not calibration if calibration.by_quality else quality <= POOR_QUALITY


def _is_resampled(scale: float, calibration: ForgeryCalibration) -> bool:
    if calibration.by_scale:
        return calibration.at(None, scale) is not calibration
    return abs(scale - 1) > _RESAMPLED


def textured_share(image: np.ndarray) -> float:
    """Share of the 8x8 blocks of a uint8 image `[H, W, 3]` that are neither of one color nor drawn."""
    rows, columns = image.shape[0] // _BLOCK, image.shape[1] // _BLOCK
    image = image[: rows * _BLOCK, : columns * _BLOCK]
    # [H, W, 3] -> [blocks, 64, 3]
    blocks = image.reshape(rows, _BLOCK, columns, _BLOCK, 3).swapaxes(1, 2).reshape(-1, _BLOCK * _BLOCK, 3)
    flat = (blocks == blocks[:, :1]).all(axis=(1, 2))
    gray = np.sort((blocks @ np.array([77, 150, 29], np.uint16)) >> 8, axis=1).astype(np.int16)
    low, high = gray[:, :1], gray[:, -1:]
    contrast = (high - low)[:, 0]
    same = (gray[:, _SAME - 1 :] == gray[:, : 1 - _SAME]).any(axis=1)
    near = (gray - low <= _NEAR * (high - low)) | (high - gray <= _NEAR * (high - low))
    drawn = (same & (contrast >= _SAME_CONTRAST)) | ((near.mean(axis=1) >= _MOST_NEAR) & (contrast >= _CONTRAST))
    return 1 - float((flat | drawn).mean())
