"""From pixels to space: calibration files, rectification, depth, point clouds. Each part is imported when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.geometry.calibration import CalibrationError, StereoCalibration
    from vision.geometry.cameras import CameraPair
    from vision.geometry.depth import depth_of
    from vision.geometry.points import point_cloud, write_ply
    from vision.geometry.reader import read_calibration, read_cameras
    from vision.geometry.rectifier import Rectifier

_HOME = {
    "CalibrationError": "vision.geometry.calibration",
    "CameraPair": "vision.geometry.cameras",
    "Rectifier": "vision.geometry.rectifier",
    "StereoCalibration": "vision.geometry.calibration",
    "depth_of": "vision.geometry.depth",
    "point_cloud": "vision.geometry.points",
    "read_calibration": "vision.geometry.reader",
    "read_cameras": "vision.geometry.reader",
    "write_ply": "vision.geometry.points",
}

__all__ = [
    "CalibrationError",
    "CameraPair",
    "Rectifier",
    "StereoCalibration",
    "depth_of",
    "point_cloud",
    "read_calibration",
    "read_cameras",
    "write_ply",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
