"""Calibrations that OpenCV's FileStorage wrote: YAML, XML or JSON, under the names that people give the matrices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from vision.errors import Notice
from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import CameraPair

_MAX_VALUES = 64
# OpenCV's parsers call themselves for every level, and deep ones break the program.
_MAX_DEPTH = 16
_TAG = re.compile(r"<(/?)[A-Za-z_][^<>]*?(/?)>")
_DASHES = re.compile(r"^[ \t]*(?:-[ \t]+)*", re.MULTILINE)
_SIDES = (("1", "left", "l"), ("2", "right", "r"))
_STEMS = {
    "K": ("k", "m", "cameramatrix", "intrinsics", "intrinsic", "camera", "mtx"),
    "D": ("d", "distcoeffs", "distcoeff", "distortion", "distortioncoefficients", "dist"),
    "P": ("p", "projection", "projectionmatrix"),
}
_NAMES = {
    "R": ("r", "rotation", "rotationmatrix"),
    "T": ("t", "translation", "translationvector"),
    "width": ("imagewidth", "width"),
    "height": ("imageheight", "height"),
    "size": ("imagesize", "imgsize", "size"),
}

_RAW_NOTE = Notice(
    "the calibration has no P1 and P2: the pair is taken as rectified already, with the focal length of K1; "
    "if it is not, rectify it first",
    "taken-as-rectified",
)


class OpenCVFile:
    """The matrices of one calibration, from one file or several.

    Args:
        files: (name, text) of each; of a matrix that several have, the first counts.

    Raises:
        CalibrationError: a text cannot be parsed.
    """

    def __init__(self, files: Sequence[tuple[str, str]]) -> None:
        self.source = ", ".join(name for name, _ in files)
        self._values: dict[str, np.ndarray] = {}
        for name, text in files:
            self._values = {**_parse(name, text), **self._values}

    def cameras(self) -> CameraPair:
        """The cameras before rectification: K1, K2, R, T; without D1 and D2, lenses without distortion."""
        rotation = self._required("R")
        if rotation.size == 3:
            rotation = cv2.Rodrigues(rotation.reshape(3, 1))[0]
        return CameraPair(
            k1=self._required("K1"),
            d1=self._get("D1", np.zeros(5)).ravel(),
            k2=self._required("K2"),
            d2=self._get("D2", np.zeros(5)).ravel(),
            rotation=rotation,
            translation=self._required("T").ravel(),
            size=self._size(),
            source=self.source,
        )

    def rectified(self) -> StereoCalibration:
        """Of a pair that is rectified already: by P1 and P2, else by the first camera and T."""
        if "P1" in self._values and "P2" in self._values:
            return projections_to_calibration(self._values["P1"], self._values["P2"], self._size(), self.source)
        matrix, translation = self._required("K1"), self._required("T").ravel()
        right = self._get("K2", matrix)
        if matrix.shape != (3, 3) or right.shape != (3, 3) or translation.size != 3:
            raise CalibrationError(f"{self.source}: K1, K2 or T has a wrong shape; expected 3 x 3, 3 x 3 and 3 numbers")
        _check_side(-translation, self.source)
        return StereoCalibration(
            focal=float(matrix[0, 0]),
            focal_y=float(matrix[1, 1]),
            cx=float(matrix[0, 2]),
            cy=float(matrix[1, 2]),
            baseline=float(np.linalg.norm(translation)),
            doffs=float(right[0, 2] - matrix[0, 2]),
            size=self._size(),
            source=self.source,
            note=_RAW_NOTE,
        )

    def _get(self, name: str, default: np.ndarray) -> np.ndarray:
        return self._values.get(name, default)

    def _required(self, name: str) -> np.ndarray:
        if name not in self._values:
            found = ", ".join(sorted(self._values)) or "none of them"
            raise CalibrationError(
                f"{self.source}: has no matrix {name}; expected K1, D1, K2, D2, R and T, found {found}"
            )
        return self._values[name]

    def _size(self) -> tuple[int, int] | None:
        if "size" in self._values and self._values["size"].size == 2:
            width, height = self._values["size"].ravel().tolist()
        elif "width" in self._values and "height" in self._values:
            width, height = float(self._values["width"].ravel()[0]), float(self._values["height"].ravel()[0])
        else:
            return None
        if not (1 <= width <= 1e6 and 1 <= height <= 1e6):
            raise CalibrationError(f"{self.source}: image size is {width:g} x {height:g}; expected positive numbers")
        return round(width), round(height)


def projections_to_calibration(
    p1: np.ndarray, p2: np.ndarray, size: tuple[int, int] | None, source: str
) -> StereoCalibration:
    """From the projection matrices `[3, 4]` of a rectified pair, as `cv2.stereoRectify` gives them.

    Raises:
        CalibrationError: the cameras stand above each other, or the second one to the left of the first.
    """
    if p1.shape != (3, 4) or p2.shape != (3, 4):
        raise CalibrationError(f"{source}: P1 is {p1.shape}, P2 {p2.shape}; expected 3 x 4 matrices")
    focal = float(p1[0, 0])
    if not focal > 0:
        raise CalibrationError(f"{source}: the focal length in P1 is {focal:g}; expected a positive number")
    shift = (p1[:2, 3] - p2[:2, 3]) / focal
    _check_side(shift, source)
    return StereoCalibration(
        focal=focal,
        focal_y=float(p1[1, 1]),
        cx=float(p1[0, 2]),
        cy=float(p1[1, 2]),
        baseline=float(shift[0]),
        doffs=float(p2[0, 2] - p1[0, 2]),
        size=size,
        source=source,
    )


def _check_side(shift: np.ndarray, source: str) -> None:
    """Refuse cameras whose second does not stand to the right of the first; `shift` is from the first to the second."""
    if abs(shift[1]) > abs(shift[0]):
        raise CalibrationError(f"{source}: the cameras stand above each other; turn the images by 90 degrees first")
    if shift[0] < 0:
        raise CalibrationError(f"{source}: camera 2 stands to the left of camera 1; swap the two, and the images")


def _parse(name: str, text: str) -> dict[str, np.ndarray]:
    """What is known by one of our names -> its values."""
    if _depth(text) > _MAX_DEPTH:
        raise CalibrationError(f"{name}: is nested more than {_MAX_DEPTH} levels deep; expected matrices")
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        root = storage.root()
        keys = root.keys() if root.isMap() else []
    # The constructor reports what it cannot parse as a SystemError.
    except (cv2.error, SystemError):
        raise CalibrationError(f"{name}: damaged YAML, XML or JSON; expected what cv2.FileStorage writes") from None
    values: dict[str, np.ndarray] = {}
    for key in keys:
        known = _known_name(key)
        if known is not None and known not in values:
            array = _array(storage.getNode(key), name, key)
            if array is not None:
                values[known] = array
    return values


def _depth(text: str) -> int:
    """How deep brackets, tags, dashes and indents nest, at most; quotes are not looked at."""
    deepest = level = 0
    for character in text:
        level += (character in "[{") - (character in "]}")
        deepest = max(deepest, level)
    level = 0
    for closing, empty in _TAG.findall(text):
        level += -1 if closing else int(not empty)
        deepest = max(deepest, level)
    longest = max((len(indent.group()) for indent in _DASHES.finditer(text)), default=0)
    return max(deepest, longest // 4)


def _known_name(key: str) -> str | None:
    plain = "".join(character for character in key.lower() if character.isalnum())
    for name, aliases in _NAMES.items():
        if plain in aliases:
            return name
    for name, stems in _STEMS.items():
        for number, sides in enumerate(_SIDES, start=1):
            if any(plain in (f"{stem}{side}", f"{side}{stem}") for stem in stems for side in sides):
                return f"{name}{number}"
    return None


def _array(node: Any, source: str, key: str) -> np.ndarray | None:
    """Values of a number, a (nested) sequence, or a matrix with rows, cols and data; None of something else."""
    data = node.getNode("data") if node.isMap() else node
    values = _flat(data)
    if values is None or not values:
        return None
    array = np.array(values, dtype=np.float64)
    # Vectors have `sizes` instead, and come out right without.
    if node.isMap() and not node.getNode("rows").empty():
        rows, columns = (int(node.getNode(side).real()) for side in ("rows", "cols"))
        if rows * columns != array.size or rows < 1:
            raise CalibrationError(f"{source}: {key} says {rows} x {columns} but holds {array.size} values")
        return array.reshape(rows, columns)
    return array.reshape({9: (3, 3), 12: (3, 4)}.get(array.size, (array.size,)))


def _flat(node: Any, depth: int = 0) -> list[float] | None:
    if node.isReal() or node.isInt():
        return [node.real()]
    if not node.isSeq() or node.size() > _MAX_VALUES or depth > 2:
        return None
    parts = [_flat(node.at(number), depth + 1) for number in range(node.size())]
    return None if any(part is None for part in parts) else [value for part in parts for value in part or []]
