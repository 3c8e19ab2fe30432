"""Matrices as OpenCV's FileStorage and ROS write them: rows, cols and data, plain or in base64."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from vision.geometry.calibration import CalibrationError

BASE64_MARK = "$base64$"  # in JSON
# The type of the values, filled up with spaces, comes before them.
_HEADER_CHARACTERS = 32
_TYPE = re.compile(r"([0-9]{0,3})([ucwsifdh])")
_DTYPES = {"u": "u1", "c": "i1", "w": "<u2", "s": "<i2", "i": "<i4", "f": "<f4", "d": "<f8", "h": "<f2"}
_MAX_SIDE = 100_000


def is_matrix(value: Any) -> bool:
    """Whether a mapping stands for one matrix."""
    return isinstance(value, Mapping) and "data" in value and bool({"sizes", "rows", "cols", "dt"} & set(value))


def matrix_of(source: str, key: str, value: Mapping[str, Any]) -> np.ndarray:
    """The matrix of a mapping that holds `data` and its shape, float64 `[rows, cols]` or `[rows, cols, channels]`.

    Raises:
        CalibrationError: the shape is not that of the data, or either is no number.
    """
    data = _numbers(source, key, value["data"])
    sides = _numbers(source, key, value["sizes"] if "sizes" in value else [value.get("rows"), value.get("cols")])
    if not (np.isfinite(sides) & (sides >= 0) & (sides <= _MAX_SIDE) & (sides == np.round(sides))).all():
        raise CalibrationError(f"{source}: {key} has the sides {sides.tolist()}; expected whole numbers")
    shape = tuple(int(side) for side in sides)
    channels = _channels(source, key, value.get("dt"))
    if data.size != np.prod(shape, dtype=np.float64) * channels:
        told = " x ".join(map(str, (*shape, channels) if channels > 1 else shape))
        raise CalibrationError(f"{source}: {key} says {told} but holds {data.size} values")
    return data.reshape((*shape, channels) if channels > 1 else shape)


def decode_base64(source: str, text: str) -> np.ndarray:
    """Values in OpenCV's base64, float64 `[N]`.

    Raises:
        CalibrationError: it is damaged.
    """
    compact = "".join(text.split())
    try:
        header = base64.b64decode(compact[:_HEADER_CHARACTERS], validate=True).decode("ascii").strip()
        found = _TYPE.fullmatch(header)
        if found is None:
            raise ValueError
        # A damaged length is an error here as well.
        values = np.frombuffer(base64.b64decode(compact[_HEADER_CHARACTERS:], validate=True), _DTYPES[found[2]])
    except ValueError:
        raise CalibrationError(f"{source}: damaged base64; expected values as cv2.FileStorage writes them") from None
    return values.astype(np.float64)


def _numbers(source: str, key: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise CalibrationError(f"{source}: {key} holds {str(value)[:60]!r}; expected numbers") from None
    return array


def _channels(source: str, key: str, dtype: Any) -> int:
    """Of "d", "3f" and the like; files of others than OpenCV have none."""
    if dtype is None:
        return 1
    found = _TYPE.fullmatch(str(dtype).strip())
    if found is None or found[1] == "0":
        raise CalibrationError(f"{source}: {key} is of type {str(dtype)[:60]!r}; expected a number type, such as d")
    return int(found[1] or 1)
