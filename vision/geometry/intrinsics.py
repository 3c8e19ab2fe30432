"""Camera matrix, distortion and image size of one camera, which may be given as matrices or number by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vision.geometry.calibration import CalibrationError
from vision.geometry.lenses import FISHEYE, PINHOLE

PINHOLE_TERMS = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_FISHEYE_TERMS = ("k1", "k2", "k3", "k4")
# How messages call the cameras' matrices.
NUMBERS = {"left": "1", "right": "2"}

Values = Mapping[tuple[str, str], Any]


def camera_matrix(values: Values, side: str) -> np.ndarray | None:
    """`[3, 3]`, or whatever the file has in its place; None where it has none. Four numbers are fx, fy, cx, cy."""
    matrix = values.get(("K", side))
    if matrix is None:
        parts = [values.get((name, side)) for name in ("fx", "fy", "cx", "cy")]
        focals, center = (values.get((name, side)) for name in ("focals", "center"))
        if focals is not None and center is not None and focals.size == center.size == 2:
            parts = [*focals.ravel().tolist(), *center.ravel().tolist()]
        if any(part is None for part in parts):
            return None
        matrix = np.array(parts, np.float64)
    if matrix.size == 4:
        fx, fy, cx, cy = matrix.ravel()
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    return matrix


def coefficients(values: Values, side: str, lens: str, source: str) -> np.ndarray | None:
    """Of a lens, in the order of its model; None where the file has none.

    Raises:
        CalibrationError: single terms are there that do not make a lens.
    """
    found = values.get(("D", side))
    if found is not None:
        found = found.ravel()
        count = 4 if lens == FISHEYE else found.size
        if found.size > count and not found[count:].any():
            found = found[:count]  # ROS fills up a fisheye's with zeros
        return np.zeros(4 if lens == FISHEYE else 5) if found.size == 0 else found
    names = _FISHEYE_TERMS if lens == FISHEYE else PINHOLE_TERMS
    terms = {name: values.get((name, side)) for name in PINHOLE_TERMS}
    given = {name for name, value in terms.items() if value is not None}
    if not given:
        return None
    if not given <= set(names) or not {"k1", "k2"} <= given:
        told, expected = ", ".join(sorted(given)), ", ".join(names)
        raise CalibrationError(f"{source}: has {told} of a {lens} lens; expected k1, k2 and more of {expected}")
    single = np.array([terms[name] or 0.0 for name in names])
    return single[:5] if lens == PINHOLE and not single[5:].any() else single


def image_size(values: Values, source: str) -> tuple[int, int] | None:
    """(width, height) that a calibration is for, of both cameras.

    Raises:
        CalibrationError: it is impossible, or differs between the cameras.
    """
    sizes = {size for side in ("", *NUMBERS) if (size := _size_of(values, side, source)) is not None}
    if len(sizes) > 1:
        told = " and ".join(f"{width} x {height}" for width, height in sorted(sizes))
        raise CalibrationError(f"{source}: is for images of {told} pixels; expected one size of both views")
    return next(iter(sizes), None)


def _size_of(values: Values, side: str, source: str) -> tuple[int, int] | None:
    size = values.get(("size", side))
    width, height = (values.get((name, side)) for name in ("width", "height"))
    if size is not None and size.size == 2:
        one, other = size.ravel().tolist()
        if None not in (width, height) and (width, height) != (one, other):
            told = f"{one:g} x {other:g} and {width:g} x {height:g}"
            raise CalibrationError(f"{source}: is for images of {told} pixels; expected one size")
        width, height = one, other
    elif width is None or height is None:
        return None
    if not (1 <= width <= 1e6 and 1 <= height <= 1e6):
        raise CalibrationError(f"{source}: image size is {width:g} x {height:g}; expected positive numbers")
    return round(width), round(height)
