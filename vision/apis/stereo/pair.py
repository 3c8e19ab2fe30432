"""From two files to two images that a model can match: reading, comparing, rectifying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np

from vision.apis.base import ImageInput, load_image, name_of
from vision.apis.stereo.both_views import read_both_views
from vision.apis.stereo.checks import pair_warnings
from vision.apis.stereo.memory import is_allocation_error
from vision.errors import Notice, notice_of
from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import CameraPair
from vision.geometry.rectifier import Rectifier
from vision.images import ImageError, common_white

Geometry: TypeAlias = "StereoCalibration | Rectifier"


@dataclass(frozen=True)
class PairInput:
    """A pair to be matched of which more is known than two images.

    Attributes:
        left: path, or uint8 array.
        right: the same; None where `left` is a file with both views (`vision.apis.stereo.both_views`).
        geometry: of this pair alone, instead of what the inferencer was given: a calibration of rectified views, or the
            cameras of raw ones, which are rectified.
        error: why it cannot be matched, known before; None if nothing is.
    """

    left: ImageInput
    right: ImageInput | None
    geometry: StereoCalibration | CameraPair | None = None
    error: Notice | None = None


@dataclass
class StereoPair:
    """Two images of one size, or why there are none.

    Attributes:
        left, right: names in the results.
        image, image_right: uint8 RGB `[H, W, 3]`; rectified, if that was asked for.
        calibration: of these images, if there is one.
        rectified: whether they were rectified here.
        warnings: what is odd about them, as `vision.errors.Notice`.
        error: in one line, a `vision.errors.Notice`; None when the pair can be matched.
    """

    left: str
    right: str
    image: np.ndarray | None = None
    image_right: np.ndarray | None = None
    calibration: StereoCalibration | None = None
    rectified: bool = False
    warnings: list[Notice] = field(default_factory=list)
    error: str | None = None


def prepare_pair(
    left: ImageInput,
    right: ImageInput | None,
    names: tuple[str, str],
    max_pixels: int,
    checks: bool,
    is_flow: bool = False,
    geometry: Callable[[int, int], Geometry | None] | None = None,
) -> StereoPair:
    """Read and check one pair; what goes wrong is noted in it, never raised.

    Args:
        left, right: paths, or uint8 arrays `[H, W, 3]` or `[H, W]`; without `right`, `left` is a file of both views.
        names: stand for the paths of arrays.
        max_pixels: refuse larger files, by their header.
        checks: whether to look for unrectified, swapped and unrelated views.
        is_flow: two images in time, whose rows need not agree.
        geometry: what is known about images of (height, width): a calibration, or what rectifies them.
    """
    pair = StereoPair(name_of(left, names[0]), name_of(left if right is None else right, names[1]))
    try:
        image, image_right = _views(left, right, pair, max_pixels)
        if image.shape != image_right.shape:
            pair.error = _sizes_differ(image, image_right, pair.right)
            return pair
        known = None if geometry is None else geometry(*image.shape[:2])
        pair.rectified = isinstance(known, Rectifier)
        if isinstance(known, Rectifier):
            image, image_right = known(image, image_right)
            known = known.calibration
        pair.calibration = known
        pair.image, pair.image_right = image, image_right
        if checks:
            doffs = 0.0 if known is None else known.doffs
            pair.warnings = pair_warnings(image, image_right, is_flow, pair.rectified, doffs)
    except ImageError as error:
        pair.error = notice_of(error, error.reason if error.path == pair.left else None)
    except CalibrationError as error:
        pair.error = notice_of(error)
    except (MemoryError, cv2.error) as error:
        if not is_allocation_error(error):
            raise
        pair.error = Notice("does not fit into memory; lower max_pixels", "image-out-of-memory")
    return pair


def _views(
    left: ImageInput, right: ImageInput | None, pair: StereoPair, max_pixels: int
) -> tuple[np.ndarray, np.ndarray]:
    if right is None:
        if isinstance(left, np.ndarray):
            raise TypeError("a pair of one array has no right view; expected a path to a file with both views")
        return read_both_views(left, max_pixels)
    white = common_white([view for view in (left, right) if not isinstance(view, np.ndarray)], max_pixels)
    return load_image(left, pair.left, max_pixels, white), load_image(right, pair.right, max_pixels, white)


def _sizes_differ(left: np.ndarray, right: np.ndarray, right_name: str) -> Notice:
    sizes = [view.shape[:2] for view in (left, right)]
    words = [f"{width} x {height}" for height, width in sizes]
    text = f"is {words[0]} pixels but {right_name} is {words[1]}; expected two views of one size"
    return Notice(text, "sizes-differ", tuple(sizes))
