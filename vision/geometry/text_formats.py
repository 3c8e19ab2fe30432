"""Calibrations of data sets as plain text: Middlebury's (and ETH3D's) and KITTI's."""

from __future__ import annotations

import math
import re
from pathlib import PurePath

import numpy as np

from vision.errors import Notice
from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.mappings import as_mapping
from vision.geometry.projections import check_rectified

_KITTI_NAME = re.compile(r"P(?:_rect_0)?([0-9])")
# What begins a list, a mapping or a matrix is YAML, which has such names as well.
_NO_NUMBERS = ("", "[", "{", "!", "&", "*", "|", ">")
_GRAY_CAMERAS, _COLOR_CAMERAS = (0, 1), (2, 3)
_GRAY_FOLDERS = {"image_0", "image_1", "image_00", "image_01"}
_COLOR_FOLDERS = {"image_2", "image_3", "image_02", "image_03", "colored_0", "colored_1"}
_DOFFS_TOLERANCE = 0.5  # pixels
_MIDDLEBURY_NAMES = ("cam0", "cam1", "doffs", "baseline", "width", "height")


def is_middlebury(text: str) -> bool:
    """Whether a line is `cam0=...`."""
    return any(line.partition("=")[0].strip() == "cam0" for line in text.splitlines() if "=" in line)


def is_kitti(text: str) -> bool:
    """Whether a line is `P2: numbers` or `P_rect_02: numbers`."""
    return bool(_kitti_lines(text))


def is_gray(left: str) -> bool | None:
    """Whether KITTI's gray cameras took an image, by its folders; None where they do not say it."""
    parts = set(PurePath(left).parts)
    return None if not parts & (_GRAY_FOLDERS | _COLOR_FOLDERS) else bool(parts & _GRAY_FOLDERS)


def read_middlebury(source: str, text: str) -> StereoCalibration:
    """`cam0=[f 0 cx; 0 f cy; 0 0 1]`, `baseline=`, and perhaps `cam1=`, `doffs=`, `width=` and `height=`."""
    lines = [line.partition("=") for line in text.splitlines() if "=" in line]
    items = [(name.strip(), value.strip()) for name, _, value in lines]
    entries = as_mapping(source, [item for item in items if item[0] in _MIDDLEBURY_NAMES])
    left = _matrix(source, "cam0", entries["cam0"])
    if "baseline" not in entries:
        raise CalibrationError(f"{source}: has no baseline=; expected the distance of the cameras in mm")
    values = {name: _number(source, name, entries[name]) for name in ("baseline", "doffs") if name in entries}
    note: str = ""
    right = _matrix(source, "cam1", entries["cam1"]) if "cam1" in entries else left
    if "cam1" in entries:
        apart = float(right[0, 2] - left[0, 2])
        if abs(values.setdefault("doffs", apart) - apart) > _DOFFS_TOLERANCE:
            text = (
                f"{source}: doffs is {values['doffs']:g}, but cam1's cx less cam0's is {apart:g}; expected the same. "
                "doffs is used: if its sign or value is wrong, so are all depths"
            )
            note = Notice(text, "doffs-differ", (values["doffs"], apart))
    size = None
    if "width" in entries and "height" in entries:
        width, height = (_number(source, name, entries[name]) for name in ("width", "height"))
        size = _size(source, width, height)
    found = StereoCalibration(
        focal=float(left[0, 0]),
        focal_y=float(left[1, 1]),
        cx=float(left[0, 2]),
        cy=float(left[1, 2]),
        baseline=values["baseline"],
        doffs=values.get("doffs", 0.0),
        unit="mm",
        size=size,
        source=source,
        note=note,
    )
    check_rectified(left, right, ("cam0", "cam1"), source)
    return found


def read_kitti(source: str, text: str, gray: bool | None) -> StereoCalibration:
    """`P0:` .. `P3:`, or `P_rect_00:` ..; of both pairs the gray one, the color one, or the color one with a note."""
    matrices: dict[int, np.ndarray] = {}
    for camera, name, words in _kitti_lines(text):
        numbers = [_number(source, name, word) for word in words.split()]
        if len(numbers) != 12:
            raise CalibrationError(f"{source}: {name} has {len(numbers)} numbers; expected 12 (3 x 4)")
        if camera in matrices:
            raise CalibrationError(f"{source}: {name} is there twice; expected it once")
        matrices[camera] = np.array(numbers).reshape(3, 4)
    order = (_GRAY_CAMERAS, _COLOR_CAMERAS) if gray else (_COLOR_CAMERAS, _GRAY_CAMERAS)
    pairs = [pair for pair in order if set(pair) <= set(matrices)]
    if not pairs:
        told = ", ".join(f"P{camera}" for camera in sorted(matrices))
        raise CalibrationError(f"{source}: has {told}; expected P2 and P3, or P0 and P1")
    left, right = (matrices[camera] for camera in pairs[0])
    if not left[0, 0] > 0:
        raise CalibrationError(
            f"{source}: the focal length of P{pairs[0][0]} is {left[0, 0]:g}; expected a positive number"
        )
    found = StereoCalibration(
        focal=float(left[0, 0]),
        focal_y=float(left[1, 1]),
        cx=float(left[0, 2]),
        cy=float(left[1, 2]),
        baseline=float((left[0, 3] - right[0, 3]) / left[0, 0]),
        doffs=float(right[0, 2] - left[0, 2]),
        unit="m",
        size=_kitti_size(source, text, pairs[0][0]),
        source=source,
        note=_kitti_note(source, pairs, gray),
    )
    check_rectified(left, right, (f"P{pairs[0][0]}", f"P{pairs[0][1]}"), source)
    return found


def _kitti_note(source: str, pairs: list[tuple[int, int]], gray: bool | None) -> str:
    """Both pairs have their own baseline: where nothing says which it is, that is said."""
    if len(pairs) < 2 or gray is not None:
        return ""
    text = (
        f"{source}: has gray cameras (P0, P1) and color cameras (P2, P3), and no folder of the images (image_0, "
        "image_2 ...) says which took them: the color ones are used"
    )
    return Notice(text, "cameras-guessed")


def _kitti_lines(text: str) -> list[tuple[int, str, str]]:
    """Camera, name and numbers of each line that has a projection matrix."""
    found = []
    for line in text.splitlines():
        name, colon, words = line.partition(":")
        match = _KITTI_NAME.fullmatch(name.rstrip()) if colon else None
        if match and words.strip()[:1] not in _NO_NUMBERS:
            found.append((int(match[1]), match[0], words))
    return found


def _kitti_size(source: str, text: str, camera: int) -> tuple[int, int] | None:
    name = f"S_rect_0{camera}"
    for line in text.splitlines():
        key, _, words = line.partition(":")
        if key.strip() == name and len(words.split()) == 2:
            width, height = (_number(source, name, word) for word in words.split())
            return _size(source, width, height)
    return None


def _matrix(source: str, name: str, text: str) -> np.ndarray:
    """`[f 0 cx; 0 f cy; 0 0 1]` -> `[3, 3]`."""
    rows = [row.replace(",", " ").split() for row in text.strip().strip("[]").split(";")]
    if len(rows) != 3 or any(len(row) != 3 for row in rows):
        raise CalibrationError(f"{source}: {name} is {text[:60]!r}; expected [f 0 cx; 0 f cy; 0 0 1]")
    return np.array([[_number(source, name, word) for word in row] for row in rows])


def _size(source: str, width: float, height: float) -> tuple[int, int]:
    if not (1 <= width <= 1e6 and 1 <= height <= 1e6):
        raise CalibrationError(f"{source}: is for images of {width:g} x {height:g} pixels; expected positive numbers")
    return round(width), round(height)


def _number(source: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CalibrationError(f"{source}: {name} holds {text.strip()[:60]!r}; expected a number")
    return value
