"""From two files to two images that a model can match: reading, comparing, rectifying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np

from vision.apis.base import ImageInput, load_image, name_of
from vision.apis.stereo.checks import pair_warnings
from vision.apis.stereo.memory import is_allocation_error
from vision.errors import Notice, notice_of
from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.rectifier import Rectifier
from vision.images import ImageError, common_white

Geometry: TypeAlias = "StereoCalibration | Rectifier"


@dataclass
class StereoPair:
    """Two images of one size, or why there are none.

    Attributes:
        left, right: names in the results.
        image, image_right: uint8 RGB `[H, W, 3]`; rectified, if that was asked for.
        calibration: of these images, if there is one.
        warnings: what is odd about them, as `vision.errors.Notice`.
        error: in one line, a `vision.errors.Notice`; None when the pair can be matched.
    """

    left: str
    right: str
    image: np.ndarray | None = None
    image_right: np.ndarray | None = None
    calibration: StereoCalibration | None = None
    warnings: list[Notice] = field(default_factory=list)
    error: str | None = None


def prepare_pair(
    left: ImageInput,
    right: ImageInput,
    names: tuple[str, str],
    max_pixels: int,
    checks: bool,
    is_flow: bool = False,
    geometry: Callable[[int, int], Geometry | None] | None = None,
) -> StereoPair:
    """Read and check one pair; what goes wrong is noted in it, never raised.

    Args:
        left, right: paths, or uint8 arrays `[H, W, 3]` or `[H, W]`.
        names: stand for the paths of arrays.
        max_pixels: refuse larger files, by their header.
        checks: whether to look for unrectified, swapped and unrelated views.
        is_flow: two images in time, whose rows need not agree.
        geometry: what is known about images of (height, width): a calibration, or what rectifies them.
    """
    pair = StereoPair(name_of(left, names[0]), name_of(right, names[1]))
    try:
        white = common_white([view for view in (left, right) if not isinstance(view, np.ndarray)], max_pixels)
        image, image_right = (
            load_image(view, name, max_pixels, white) for view, name in ((left, pair.left), (right, pair.right))
        )
        if image.shape != image_right.shape:
            pair.error = _sizes_differ(image, image_right, pair.right)
            return pair
        known = None if geometry is None else geometry(*image.shape[:2])
        rectified = isinstance(known, Rectifier)
        if isinstance(known, Rectifier):
            image, image_right = known(image, image_right)
            known = known.calibration
        pair.calibration = known
        pair.image, pair.image_right = image, image_right
        doffs = 0.0 if known is None else known.doffs
        pair.warnings = pair_warnings(image, image_right, is_flow, rectified, doffs) if checks else []
    except ImageError as error:
        pair.error = notice_of(error, error.reason if error.path == pair.left else None)
    except CalibrationError as error:
        pair.error = notice_of(error)
    except (MemoryError, cv2.error) as error:
        if not is_allocation_error(error):
            raise
        pair.error = Notice("does not fit into memory; lower max_pixels", "image-out-of-memory")
    return pair


def _sizes_differ(left: np.ndarray, right: np.ndarray, right_name: str) -> Notice:
    sizes = [view.shape[:2] for view in (left, right)]
    words = [f"{width} x {height}" for height, width in sizes]
    text = f"is {words[0]} pixels but {right_name} is {words[1]}; expected two views of one size"
    return Notice(text, "sizes-differ", tuple(sizes))
