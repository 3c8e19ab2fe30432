from .calibration import CalibrationError, StereoCalibration
from .cameras import CameraPair
from .depth import depth_of
from .points import point_cloud, write_ply
from .reader import read_calibration, read_cameras
from .rectifier import Rectifier

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
