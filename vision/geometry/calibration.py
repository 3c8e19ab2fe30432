"""What turns the disparities of a rectified pair into depths."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from vision.errors import UsageError

# Sides that are rounded to whole pixels differ by less.
_SAME_FACTOR = 0.01


class CalibrationError(UsageError):
    """A calibration cannot be used; the message says which, why and what to do."""

    def __init__(self, message: str = "", *, code: str = "bad-calibration", value: Any = None) -> None:
        super().__init__(message, code=code, value=value)


@dataclass(frozen=True)
class StereoCalibration:
    """Cameras of a rectified pair. Depth = focal * baseline / (disparity + doffs).

    Attributes:
        focal: of both cameras, in pixels (along x).
        baseline: distance of the cameras.
        cx, cy: principal point of the left camera in pixels; None is the middle of the image.
        doffs: x of the right camera's principal point less that of the left one.
        focal_y: in pixels along y; None is as `focal`.
        unit: of the baseline, and so of depths: "mm", "m"; "" when nothing says it.
        size: (width, height) of the images that it is for; None is any.
        source: a name for messages.
        rotation: of a pair that was rectified here, the turn from the raw to the rectified left camera, `[3, 3]` row by
            row; None when it was not.
        note: what a user should know about how the file was understood, a `vision.errors.Notice`; "" when there is
            nothing.

    Raises:
        CalibrationError: a value is not finite, or focal or baseline is not positive.
    """

    focal: float
    baseline: float
    cx: float | None = None
    cy: float | None = None
    doffs: float = 0.0
    focal_y: float | None = None
    unit: str = ""
    size: tuple[int, int] | None = None
    source: str = "calibration"
    note: str = ""
    rotation: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("focal", "baseline", "focal_y"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                advice = ": the right camera stands to the right of the left one" if name == "baseline" else ""
                raise CalibrationError(f"{self.source}: {name} is {value:g}; expected a positive number{advice}")
        for name in ("cx", "cy", "doffs"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise CalibrationError(f"{self.source}: {name} is {value:g}; expected a number")

    @property
    def unit_name(self) -> str:
        """For people: "mm", "m", or that it is the baseline's."""
        return self.unit or "units of the baseline"

    def fitted(self, width: int, height: int) -> StereoCalibration:
        """The same cameras for images of this size, which may be a scaled copy of those it is for.

        Raises:
            CalibrationError: the images have other proportions, so that they cannot be a scaled copy.
        """
        factor = scale_factor(self.size, width, height, self.source)
        return replace(
            self,
            focal=self.focal * factor,
            focal_y=None if self.focal_y is None else self.focal_y * factor,
            cx=(width - 1) / 2 if self.cx is None else scaled_center(self.cx, factor),
            cy=(height - 1) / 2 if self.cy is None else scaled_center(self.cy, factor),
            doffs=self.doffs * factor,
            size=(width, height),
        )


def scale_factor(size: tuple[int, int] | None, width: int, height: int, source: str) -> float:
    """By how much images are larger than the (width, height) that a calibration is for.

    Raises:
        CalibrationError: their proportions differ.
    """
    if size is None or size == (width, height):
        return 1.0
    # A side is rounded to whole pixels, which matters for small copies.
    tolerance = max(_SAME_FACTOR, 1.0 / min(width, height))
    along_x, along_y = width / size[0], height / size[1]
    if abs(along_x / along_y - 1) > tolerance:
        raise CalibrationError(
            f"{source}: is for images of {size[0]} x {size[1]} pixels, these are {width} x {height}; expected the "
            "same size, or a copy scaled alike in both directions (a cropped one needs a calibration of its own)"
        )
    return along_x


def scaled_center(value: float, factor: float) -> float:
    """A coordinate after scaling, where 0 is the middle of the first pixel."""
    return (value + 0.5) * factor - 0.5
