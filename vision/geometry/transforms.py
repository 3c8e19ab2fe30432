"""Where the right camera is, as robots' calibrations say it: by transforms `[4, 4]` between cameras or to a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from vision.geometry.calibration import CalibrationError

Values = Mapping[tuple[str, str], Any]


def left_to_right(values: Values, source: str) -> np.ndarray | None:
    """The transform of points `[4, 4]` from the left to the right camera; None where nothing says it.

    Args:
        values: by field of `vision.geometry.rig_names` and side.
        source: for messages.

    Raises:
        CalibrationError: a matrix is no rigid transform.
    """
    found = values.get(("from_other", "right"))
    if found is not None:
        return _rigid(found, source)
    found = values.get(("to_first", ""))
    if found is not None:
        return _inverse(_rigid(found, source))
    for field in ("from_body", "to_body"):
        pair = [values.get((field, side)) for side in ("left", "right")]
        if all(matrix is not None for matrix in pair):
            left, right = (_rigid(matrix, source) for matrix in pair)
            return right @ _inverse(left) if field == "from_body" else _inverse(right) @ left
    return None


def as_rotation(matrix: np.ndarray) -> np.ndarray:
    """A matrix as it is; of a vector, the turn round it by its length."""
    return cv2.Rodrigues(matrix.reshape(3, 1))[0] if matrix.size == 3 else matrix


def _rigid(matrix: Any, source: str) -> np.ndarray:
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], [0, 0, 0, 1]):
        raise CalibrationError(
            f"{source}: a transform between cameras is {matrix.tolist()}; expected 4 x 4, [R T; 0 1]"
        )
    return matrix


def _inverse(matrix: np.ndarray) -> np.ndarray:
    inverse = np.eye(4)
    inverse[:3, :3] = matrix[:3, :3].T
    inverse[:3, 3] = -matrix[:3, :3].T @ matrix[:3, 3]
    return inverse
