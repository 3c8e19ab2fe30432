"""From two files to two images that a model can match: reading, comparing, rectifying."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np

from vision.apis.stereo.checks import pair_warnings
from vision.apis.stereo.memory import is_allocation_error
from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.rectifier import Rectifier
from vision.images import MIN_SIDE, ImageError, common_white, read_image

Picture: TypeAlias = "str | os.PathLike[str] | np.ndarray"
Geometry: TypeAlias = "StereoCalibration | Rectifier"


@dataclass
class StereoPair:
    """Two images of one size, or why there are none.

    Attributes:
        left, right: names in the results.
        image, image_right: uint8 RGB `[H, W, 3]`; rectified, if that was asked for.
        calibration: of these images, if there is one.
        warnings: what is odd about them.
        error: in one line; None when the pair can be matched.
    """

    left: str
    right: str
    image: np.ndarray | None = None
    image_right: np.ndarray | None = None
    calibration: StereoCalibration | None = None
    warnings: list[str] = field(default_factory=list)
    error: str | None = None


def prepare_pair(
    left: Picture,
    right: Picture,
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
        geometry: what is known about images of (width, height): a calibration, or what rectifies them.
    """
    pair = StereoPair(_name(left, names[0]), _name(right, names[1]))
    try:
        white = common_white([view for view in (left, right) if not isinstance(view, np.ndarray)], max_pixels)
        image, image_right = (
            _pixels(view, name, max_pixels, white) for view, name in ((left, pair.left), (right, pair.right))
        )
        if image.shape != image_right.shape:
            sizes = [f"{view.shape[1]} x {view.shape[0]}" for view in (image, image_right)]
            pair.error = f"is {sizes[0]} pixels but {pair.right} is {sizes[1]}; expected two views of one size"
            return pair
        known = None if geometry is None else geometry(image.shape[1], image.shape[0])
        rectified = isinstance(known, Rectifier)
        if isinstance(known, Rectifier):
            image, image_right = known(image, image_right)
            known = known.calibration
        pair.calibration = known
        pair.image, pair.image_right = image, image_right
        pair.warnings = pair_warnings(image, image_right, is_flow, rectified) if checks else []
    except ImageError as error:
        pair.error = error.reason if error.path == pair.left else str(error)
    except CalibrationError as error:
        pair.error = str(error)
    except (MemoryError, cv2.error) as error:
        if not is_allocation_error(error):
            raise
        pair.error = "does not fit into memory; lower max_pixels"
    return pair


def _name(view: Picture, name: str) -> str:
    return name if isinstance(view, np.ndarray) else os.fspath(view)


def _pixels(view: Picture, name: str, max_pixels: int, white: int) -> np.ndarray:
    if not isinstance(view, np.ndarray):
        return read_image(view, max_pixels, white)
    is_gray = view.ndim == 2
    if view.dtype != np.uint8 or not (is_gray or (view.ndim == 3 and view.shape[2] == 3)):
        found = f"{view.dtype} array of shape {tuple(view.shape)}"
        raise ImageError(name, f"is a {found}; expected uint8 of shape (H, W, 3), RGB, or (H, W)")
    if min(view.shape[:2]) < MIN_SIDE:
        raise ImageError(
            name, f"is {view.shape[1]} x {view.shape[0]} pixels; expected at least {MIN_SIDE} x {MIN_SIDE}"
        )
    return np.repeat(view[:, :, None], 3, axis=2) if is_gray else view
