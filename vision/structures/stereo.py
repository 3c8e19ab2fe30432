"""What is found out about one pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision.geometry.calibration import StereoCalibration
from vision.geometry.camera_file import camera_record


@dataclass
class StereoResult:
    """The disparities (or the flow) of one pair, or why there are none.

    Attributes:
        left, right: as they were given; "array 0 left" ... for arrays.
        disparity: float32 `[H, W]` of the left view in pixels: x_right = x_left - disparity. It is positive; where it
            is not, the views look swapped, or the point is as good as infinitely far.
        disparity_right: the same of the right view: x_left = x_right + disparity_right.
        flow: float32 `[H, W, 2]`, (x, y), where the pixels of the left (first) image go; of flow models instead.
        flow_back: the same of the right (second) image.
        confidence: float32 `[H, W]` of the left view, 0 to 1, from how far the way to the other view and back misses
            its start: 1 / (1 + (miss / tolerance)^2), tolerance = max(2 pixels, 1 % of the displacement).
        occlusion: bool `[H, W]` of the left view, True where the miss reaches the tolerance: hidden in, or outside of,
            the right view, or wrong. There, the confidence is 0.5 or less.
        textureless: bool `[H, W]` of the left view, True where no detail along the row that both views share tells the
            disparity: clipped areas, plain walls, stripes along the rows. There, it is filled in from what is around,
            and the confidence is at most 0.25. None for flow.
        confidence_right, occlusion_right, textureless_right: of the right view.
        depth: float32 `[H, W]` of the left view in the unit of the calibration's baseline, NaN where unknown; None
            without a calibration.
        calibration: of these images, if there is one.
        image, image_right: uint8 `[H, W, 3]`, the views that were matched; rectified ones after rectification.
        rectified: whether they were rectified here.
        warnings: what is odd about the pair, one line each, which knows its kind (`vision.errors.Notice`).
        error: why there is no result, in one line, a `Notice` too; None when there is one.
        scale: what the images were enlarged by for matching.
        seconds: that matching took, without reading and checking.
    """

    left: str
    right: str
    disparity: np.ndarray | None = field(default=None, repr=False, compare=False)
    disparity_right: np.ndarray | None = field(default=None, repr=False, compare=False)
    flow: np.ndarray | None = field(default=None, repr=False, compare=False)
    flow_back: np.ndarray | None = field(default=None, repr=False, compare=False)
    confidence: np.ndarray | None = field(default=None, repr=False, compare=False)
    occlusion: np.ndarray | None = field(default=None, repr=False, compare=False)
    textureless: np.ndarray | None = field(default=None, repr=False, compare=False)
    confidence_right: np.ndarray | None = field(default=None, repr=False, compare=False)
    occlusion_right: np.ndarray | None = field(default=None, repr=False, compare=False)
    textureless_right: np.ndarray | None = field(default=None, repr=False, compare=False)
    depth: np.ndarray | None = field(default=None, repr=False, compare=False)
    calibration: StereoCalibration | None = field(default=None, repr=False, compare=False)
    image: np.ndarray | None = field(default=None, repr=False, compare=False)
    image_right: np.ndarray | None = field(default=None, repr=False, compare=False)
    rectified: bool = False
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    scale: float | None = None
    seconds: float | None = None

    @property
    def path(self) -> str:
        """Name of the left view, by which files of this result are called."""
        return self.left

    def to_dict(self) -> dict[str, Any]:
        """Flat, JSON-ready, always with the same fields: names, size, values in short, camera, warnings, error."""
        record: dict[str, Any] = {"left": self.left, "right": self.right, "width": None, "height": None}
        if self.image is not None:
            record["height"], record["width"] = self.image.shape[:2]
        lengths = None if self.flow is None else np.hypot(self.flow[..., 0], self.flow[..., 1])
        record |= _summary("disparity", self.disparity) | _summary("motion", lengths)
        record["occluded"] = None if self.occlusion is None else round(float(self.occlusion.mean()), 4)
        record["textureless"] = None if self.textureless is None else round(float(self.textureless.mean()), 4)
        record["confidence"] = None if self.confidence is None else round(float(self.confidence.mean()), 4)
        record |= camera_record(self.calibration)
        record["scale"] = self.scale
        record["seconds"] = None if self.seconds is None else round(self.seconds, 3)
        # Plain text, which any format takes.
        return record | {
            "warnings": [str(warning) for warning in self.warnings],
            "error": self.error and str(self.error),
        }


def result_fields() -> list[str]:
    """Names and order of the fields of `StereoResult.to_dict`."""
    return list(StereoResult("", "").to_dict())


def _summary(name: str, values: np.ndarray | None) -> dict[str, float | None]:
    parts = ("min", "median", "max")
    if values is None:
        return {f"{name}_{part}": None for part in parts}
    figures = (values.min(), np.median(values), values.max())
    return {f"{name}_{part}": round(float(figure), 3) for part, figure in zip(parts, figures, strict=True)}
