"""Two cameras as they are before rectification, in OpenCV's pinhole model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vision.geometry.calibration import CalibrationError, scale_factor, scaled_center

# What OpenCV's model takes: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1..s4 [tx ty]]]].
_DISTORTIONS = (4, 5, 8, 12, 14)


@dataclass(frozen=True)
class CameraPair:
    """Intrinsics, lens distortion, and where the right camera is: x_right = rotation @ x_left + translation.

    Attributes:
        k1, k2: camera matrices `[3, 3]` of the left and right camera.
        d1, d2: distortion coefficients, 4, 5, 8, 12 or 14 of them.
        rotation: `[3, 3]`.
        translation: `[3]`; its unit is that of depths.
        size: (width, height) of the images that it is for; None is any.
        source: a name for messages.

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

    def __post_init__(self) -> None:
        for name in ("k1", "d1", "k2", "d2", "rotation", "translation"):
            if not np.isfinite(getattr(self, name)).all():
                raise CalibrationError(f"{self.source}: {name} holds values that are not finite; expected numbers")
        for name in ("k1", "k2"):
            matrix = getattr(self, name)
            if matrix.shape != (3, 3) or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
                found = f"focal lengths {matrix[0, 0]:g}, {matrix[1, 1]:g}" if matrix.shape == (3, 3) else matrix.shape
                raise CalibrationError(f"{self.source}: {name} has {found}; expected 3 x 3 with positive focal lengths")
        for name in ("d1", "d2"):
            count = getattr(self, name).size
            if count not in _DISTORTIONS:
                raise CalibrationError(f"{self.source}: {name} has {count} values; expected one of {_DISTORTIONS}")
        check_rotation(self.rotation, self.source)
        if self.translation.size != 3 or not np.linalg.norm(self.translation) > 0:
            values = self.translation.ravel().tolist()
            raise CalibrationError(
                f"{self.source}: translation T is {values}; expected 3 numbers, not all 0 (baseline)"
            )

    def fitted(self, width: int, height: int) -> CameraPair:
        """The same cameras for images of this size, a scaled copy of those it is for.

        Raises:
            CalibrationError: the images have other proportions.
        """
        factor = scale_factor(self.size, width, height, self.source)
        k1, k2 = (_scaled(matrix, factor) for matrix in (self.k1, self.k2))
        return replace(self, k1=k1, k2=k2, size=(width, height))


def check_rotation(matrix: np.ndarray, source: str) -> None:
    """Raise CalibrationError unless the matrix `[3, 3]` turns without stretching or mirroring."""
    if matrix.shape != (3, 3) or np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-2 or np.linalg.det(matrix) < 0:
        raise CalibrationError(f"{source}: rotation R is no rotation matrix; expected 3 x 3, orthonormal")


def _scaled(matrix: np.ndarray, factor: float) -> np.ndarray:
    scaled = matrix.astype(np.float64, copy=True)
    scaled[:2, :2] *= factor
    scaled[:2, 2] = [scaled_center(value, factor) for value in matrix[:2, 2]]
    return scaled
