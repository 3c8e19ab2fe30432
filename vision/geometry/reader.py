"""Reads calibration files: Middlebury's calib.txt, KITTI's, OpenCV's YAML, XML and JSON."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import CameraPair
from vision.geometry.opencv_file import OpenCVFile

# Real ones have a few kilobytes; what is larger is no calibration, or is meant to exhaust the parser.
MAX_BYTES = 1 << 20
_KITTI_LINE = re.compile(r"^(?P<name>P(?:_rect_0)?(?P<camera>\d))\s*:(?P<values>.*)$", re.MULTILINE)
_MIDDLEBURY_LINE = re.compile(r"^\s*(?P<name>\w+)\s*=\s*(?P<value>[^\n]*)$", re.MULTILINE)
_GRAY_CAMERAS, _COLOR_CAMERAS = (0, 1), (2, 3)

FilePath = str | os.PathLike[str]


def read_calibration(paths: FilePath | Sequence[FilePath], gray: bool = False) -> StereoCalibration:
    """Read the calibration of a rectified pair; the format is recognized by the content.

    | file | needs | unit |
    | --- | --- | --- |
    | Middlebury 2014, v3, ETH3D (`calib.txt`) | `cam0=[f 0 cx; 0 f cy; 0 0 1]`, `baseline=`; `doffs=` | mm |
    | KITTI (`P0:` .. `P3:` or `P_rect_00:` ..) | the matrices of two cameras; baseline from their fourth columns | m |
    | OpenCV (YAML, XML, JSON) | `P1` and `P2`, or `K1` and `T` (as `M1`, `cameraMatrix1` ... too) | that of T |

    Args:
        paths: one file; for OpenCV also several, such as `intrinsics.yml` and `extrinsics.yml`.
        gray: of KITTI's four cameras take the gray ones, 0 and 1, rather than the color ones, 2 and 3, when the file
            has both.

    Raises:
        CalibrationError: the file is missing, damaged, of an unknown format, or its values are impossible.
    """
    files = _read_all(paths)
    source, text = files[0]
    if _is_opencv(text):
        return OpenCVFile(files).rectified()
    if len(files) > 1:
        raise CalibrationError(f"{source}: only OpenCV calibrations come in several files, got {len(files)}")
    if _KITTI_LINE.search(text):
        return _kitti(source, text, gray)
    if re.search(r"^\s*cam0\s*=", text, re.MULTILINE):
        return _middlebury(source, text)
    raise CalibrationError(
        f"{source}: unknown kind of calibration; expected Middlebury's (cam0=[...], baseline=...), KITTI's "
        "(P2: ..., P3: ...) or OpenCV's YAML, XML or JSON (K1, D1, K2, D2, R, T)"
    )


def read_cameras(paths: FilePath | Sequence[FilePath]) -> CameraPair:
    """Read an OpenCV calibration of the cameras before rectification: K1, D1, K2, D2, R, T.

    Args:
        paths: one file or several that complete each other.

    Raises:
        CalibrationError: the files are missing, damaged, of another format, or lack a matrix.
    """
    files = _read_all(paths)
    source, text = files[0]
    if not _is_opencv(text):
        raise CalibrationError(
            f"{source}: is no OpenCV calibration; rectifying needs K1, D1, K2, D2, R, T in OpenCV's YAML, XML or JSON"
        )
    return OpenCVFile(files).cameras()


def _read_all(paths: FilePath | Sequence[FilePath]) -> list[tuple[str, str]]:
    """Name and text of every file."""
    names = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not names:
        raise CalibrationError("no calibration file given; expected at least one")
    return [(os.fspath(name), _read_text(os.fspath(name))) for name in names]


def _read_text(name: str) -> str:
    path = Path(name)
    try:
        if not path.exists():
            raise CalibrationError(f"{name}: no such calibration file; check the path")
        if not path.is_file():
            raise CalibrationError(f"{name}: not a regular file; expected a calibration file")
        if path.stat().st_size > MAX_BYTES:
            raise CalibrationError(f"{name}: has {path.stat().st_size:,} bytes; expected a calibration, a small file")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CalibrationError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None
    except UnicodeDecodeError:
        raise CalibrationError(f"{name}: is not text; expected a calibration file") from None
    if not text.strip():
        raise CalibrationError(f"{name}: the file is empty; expected a calibration")
    return text


def _is_opencv(text: str) -> bool:
    start = text.lstrip()
    # YAML as OpenCV writes it has the directive; without it, its matrices or keys as mappings give it away.
    return start.startswith(("%YAML", "<?xml", "<opencv_storage", "{", "---")) or "opencv-matrix" in text


def _middlebury(source: str, text: str) -> StereoCalibration:
    entries = {match["name"]: match["value"].strip() for match in _MIDDLEBURY_LINE.finditer(text)}
    left = _matrix(source, "cam0", entries["cam0"])
    if "baseline" not in entries:
        raise CalibrationError(f"{source}: has no baseline=; expected the distance of the cameras in mm")
    values = {name: _number(source, name, entries[name]) for name in ("baseline", "doffs") if name in entries}
    if "doffs" not in values and "cam1" in entries:
        values["doffs"] = float(_matrix(source, "cam1", entries["cam1"])[0, 2] - left[0, 2])
    size = None
    if "width" in entries and "height" in entries:
        width, height = (_number(source, name, entries[name]) for name in ("width", "height"))
        size = _size(source, width, height)
    return StereoCalibration(
        focal=float(left[0, 0]),
        focal_y=float(left[1, 1]),
        cx=float(left[0, 2]),
        cy=float(left[1, 2]),
        baseline=values["baseline"],
        doffs=values.get("doffs", 0.0),
        unit="mm",
        size=size,
        source=source,
    )


def _kitti(source: str, text: str, gray: bool) -> StereoCalibration:
    matrices = {}
    for match in _KITTI_LINE.finditer(text):
        numbers = [_number(source, match["name"], word) for word in match["values"].split()]
        if len(numbers) != 12:
            raise CalibrationError(f"{source}: {match['name']} has {len(numbers)} numbers; expected 12 (3 x 4)")
        matrices[int(match["camera"])] = np.array(numbers).reshape(3, 4)
    order = (_GRAY_CAMERAS, _COLOR_CAMERAS) if gray else (_COLOR_CAMERAS, _GRAY_CAMERAS)
    pair = next((pair for pair in order if set(pair) <= set(matrices)), None)
    if pair is None:
        found = ", ".join(f"P{camera}" for camera in sorted(matrices))
        raise CalibrationError(f"{source}: has {found}; expected P2 and P3, or P0 and P1")
    left, right = (matrices[camera] for camera in pair)
    if not left[0, 0] > 0:
        raise CalibrationError(
            f"{source}: the focal length of P{pair[0]} is {left[0, 0]:g}; expected a positive number"
        )
    rect = re.search(rf"^S_rect_0{pair[0]}\s*:(.*)$", text, re.MULTILINE)
    size = None
    if rect is not None and len(rect[1].split()) == 2:
        width, height = (_number(source, f"S_rect_0{pair[0]}", word) for word in rect[1].split())
        size = _size(source, width, height)
    return StereoCalibration(
        focal=float(left[0, 0]),
        focal_y=float(left[1, 1]),
        cx=float(left[0, 2]),
        cy=float(left[1, 2]),
        baseline=float((left[0, 3] - right[0, 3]) / left[0, 0]),
        doffs=float(right[0, 2] - left[0, 2]),
        unit="m",
        size=size,
        source=source,
    )


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
