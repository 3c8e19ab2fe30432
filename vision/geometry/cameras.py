"""Two cameras as they are before rectification, in OpenCV's pinhole model or in its fisheye model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from vision.geometry.calibration import CalibrationError, scale_factor, scaled_center
from vision.geometry.lenses import FISHEYE, PINHOLE

# What OpenCV's models take. Pinhole: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1..s4 [tx ty]]]]; fisheye: k1 k2 k3 k4.
_DISTORTIONS = {PINHOLE: (4, 5, 8, 12, 14), FISHEYE: (4,)}
# By how much of a focal length pixels may be sheared: OpenCV knows no shear.
_MAX_SHEAR = 1e-3


class Rectification(NamedTuple):
    """How a calibration itself rectifies its cameras.

    Attributes:
        r1, r2: turns `[3, 3]` from the raw to the rectified left and right camera.
        p1, p2: projection matrices `[3, 4]` of the rectified cameras.
    """

    r1: np.ndarray
    r2: np.ndarray
    p1: np.ndarray
    p2: np.ndarray


@dataclass(frozen=True)
class CameraPair:
    """Intrinsics, lens distortion, and where the right camera is: x_right = rotation @ x_left + translation.

    Attributes:
        k1, k2: camera matrices `[3, 3]` of the left and right camera.
        d1, d2: distortion coefficients, 4, 5, 8, 12 or 14 of them; 4 of a fisheye.
        rotation: `[3, 3]`.
        translation: `[3]`; its unit is that of depths.
        size: (width, height) of the images that it is for; None is any.
        source: a name for messages.
        lens: "pinhole" or "fisheye", the model of OpenCV that d1 and d2 belong to.
        rectification: to be used instead of one that is computed; None computes it.
        unit: of the translation: "mm", "m"; "" when nothing says it.
        note: what a user should know about how the file was understood, a `vision.errors.Notice`; "" when there is
            nothing.

    Raises:
        CalibrationError: a matrix is not what it should be, or both cameras are in one place.
    """

    k1: np.ndarray
    d1: np.ndarray
    k2: np.ndarray
    d2: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    size: tuple[int, int] | None = None
    source: str = "calibration"
    lens: str = PINHOLE
    rectification: Rectification | None = None
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("k1", "d1", "k2", "d2", "rotation", "translation"):
            if not np.isfinite(getattr(self, name)).all():
                raise CalibrationError(f"{self.source}: {name} holds values that are not finite; expected numbers")
        if self.lens not in _DISTORTIONS:
            raise CalibrationError(f"{self.source}: lens is {self.lens!r}; expected {PINHOLE!r} or {FISHEYE!r}")
        for name in ("k1", "k2"):
            check_matrix(getattr(self, name), name, self.source)
        for name in ("d1", "d2"):
            count, expected = getattr(self, name).size, _DISTORTIONS[self.lens]
            if count not in expected:
                raise CalibrationError(f"{self.source}: {name} has {count} values; expected one of {expected}")
        check_rotation(self.rotation, self.source)
        if self.translation.size != 3 or not np.linalg.norm(self.translation) > 0:
            values = self.translation.ravel().tolist()
            raise CalibrationError(
                f"{self.source}: translation T is {values}; expected 3 numbers, not all 0 (baseline)"
            )
        if self.rectification is not None:
            for turn in self.rectification[:2]:
                check_rotation(turn, self.source)

    def fitted(self, width: int, height: int) -> CameraPair:
        """The same cameras for images of this size, a scaled copy of those it is for.

        Raises:
            CalibrationError: the images have other proportions.
        """
        factor = scale_factor(self.size, width, height, self.source)
        k1, k2 = (_scaled(matrix, factor) for matrix in (self.k1, self.k2))
        known = self.rectification
        if known is not None:
            known = known._replace(p1=_scaled(known.p1, factor), p2=_scaled(known.p2, factor))
        return replace(self, k1=k1, k2=k2, rectification=known, size=(width, height))


def check_matrix(matrix: np.ndarray, name: str, source: str) -> None:
    """Raise CalibrationError unless the matrix is `[f 0 cx; 0 f cy; 0 0 1]`."""
    if matrix.shape != (3, 3) or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        found = f"focal lengths {matrix[0, 0]:g}, {matrix[1, 1]:g}" if matrix.shape == (3, 3) else matrix.shape
        raise CalibrationError(f"{source}: {name} has {found}; expected 3 x 3 with positive focal lengths")
    shear, rest = matrix[[0, 1], [1, 0]] / matrix[0, 0], matrix[2] - [0, 0, 1]
    if np.abs([*shear, *rest]).max() > _MAX_SHEAR:
        rows = matrix.tolist()
        raise CalibrationError(
            f"{source}: {name} is {rows}; expected [f 0 cx; 0 f cy; 0 0 1], not transposed or sheared"
        )


def check_rotation(matrix: np.ndarray, source: str) -> None:
    """Raise CalibrationError unless the matrix `[3, 3]` turns without stretching or mirroring."""
    if (
        matrix.shape != (3, 3)
        or not np.isfinite(matrix).all()
        or np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-2
        or np.linalg.det(matrix) < 0
    ):
        raise CalibrationError(f"{source}: rotation R is no rotation matrix; expected 3 x 3, orthonormal")


def _scaled(matrix: np.ndarray, factor: float) -> np.ndarray:
    """A camera or projection matrix for images that are larger by a factor."""
    scaled = matrix.astype(np.float64, copy=True)
    scaled[:2] *= factor
    scaled[:2, 2] = [scaled_center(value, factor) for value in matrix[:2, 2]]
    return scaled
