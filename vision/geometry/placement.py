"""What speaks against a calibration being of images of some size, or should be known of how it was fitted to them."""

from __future__ import annotations

from vision.errors import Notice
from vision.geometry.calibration import StereoCalibration
from vision.geometry.cameras import CameraPair

# How far the principal point lies from the middle, in parts of the side. Rigs of data sets have up to 0.14; half the
# resolution gives 0.5, three quarters 0.17, twice 0.25.
_MAX_OFF_CENTER = 0.15
# Where the file says the size, and it is the images': a wide shift of the lens is possible, a point outside is not.
_MAX_OFF_KNOWN = 0.5


def placement_notices(cameras: StereoCalibration | CameraPair, width: int, height: int) -> list[Notice]:
    """Warnings about using a calibration for images of this size.

    Raises:
        CalibrationError: the images have other proportions than the calibration says.
    """
    fitted = cameras.fitted(width, height)
    notices = []
    if cameras.size is not None and cameras.size != (width, height):
        factor = width / cameras.size[0]
        text = (
            f"the calibration is for images of {cameras.size[0]} x {cameras.size[1]} pixels, these are {width} x "
            f"{height}: it is scaled by {factor:.4g}, which is right for reduced or enlarged copies alone"
        )
        notices.append(Notice(text, "calibration-scaled", factor))
    most = _MAX_OFF_CENTER if cameras.size is None else _MAX_OFF_KNOWN
    # Of verged cameras, one at least looks about straight ahead.
    x, y = min(_centers(fitted), key=lambda center: abs(center[0] - (width - 1) / 2))
    off = max(abs(x - (width - 1) / 2) / width, abs(y - (height - 1) / 2) / height)
    if off > most:
        text = (
            f"the principal point of the calibration ({x:.0f}, {y:.0f}) is far from the middle of the images of "
            f"{width} x {height} pixels: it looks like the calibration of another resolution or of a "
            "crop; depths would be wrong"
        )
        notices.append(Notice(text, "off-center", off))
    return notices


def _centers(cameras: StereoCalibration | CameraPair) -> list[tuple[float, float]]:
    """Principal points (x, y) of both cameras."""
    if isinstance(cameras, CameraPair):
        return [(float(k[0, 2]), float(k[1, 2])) for k in (cameras.k1, cameras.k2)]
    assert cameras.cx is not None and cameras.cy is not None
    return [(cameras.cx, cameras.cy), (cameras.cx + cameras.doffs, cameras.cy)]
