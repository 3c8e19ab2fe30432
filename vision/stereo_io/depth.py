"""Depth maps as robotics stores them: 16-bit PNG in millimeters, 0 where unknown."""

from __future__ import annotations

import os

import numpy as np

from vision.errors import UsageError
from vision.stereo_io.raster import write_png

# Unit -> millimeters.
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
MAX_DEPTH_16 = 65.535  # meters


def write_depth16(path: str | os.PathLike[str], depth: np.ndarray, unit: str = "m") -> int:
    """Write a depth map whole or not at all, as RealSense, ROS (16UC1) and Open3D have it.

    Args:
        path: of the PNG file; one that exists is replaced.
        depth: `[H, W]`, not finite where unknown.
        unit: of the depth, "mm", "cm" or "m".

    Returns:
        How many known depths the file does not hold: those beyond 65.535 m, and negative ones; they become unknown.

    Raises:
        UsageError: another shape, or an unknown unit.
    """
    depth = np.asarray(depth)
    if depth.ndim != 2 or depth.size == 0:
        raise UsageError(
            f"depth for {os.fspath(path)} is {depth.shape}; expected [H, W], not empty",
            code="bad-array",
            value=(str(depth.dtype), depth.shape),
        )
    if unit not in UNITS:
        raise UsageError(f"unit is {unit!r}; expected one of {', '.join(UNITS)}", code="out-of-range", value=unit)
    known = np.isfinite(depth)
    levels = np.rint(np.where(known, depth, 0).astype(np.float64) * UNITS[unit])
    fits = known & (levels <= 65535) & (depth >= 0)
    # What is nearer than half a millimeter is known all the same.
    write_png(path, np.where(fits, np.clip(levels, 1, 65535), 0).astype(np.uint16))
    return int(np.count_nonzero(known & ~fits))
