"""Reads calibration files: Middlebury's, KITTI's, OpenCV's, ROS', Kalibr's, EuRoC's, ORB-SLAM's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import CameraPair
from vision.geometry.documents import parse_document
from vision.geometry.npz_document import parse_npz
from vision.geometry.rig import Rig
from vision.geometry.text_formats import is_kitti, is_middlebury, read_kitti, read_middlebury

# Real ones have a few kilobytes; what is larger is no calibration, or is meant to exhaust the parser.
MAX_BYTES = 1 << 20
_ZIP = b"PK\x03\x04"

FilePath = str | os.PathLike[str]


def read_calibration(paths: FilePath | Sequence[FilePath], gray: bool | None = None) -> StereoCalibration:
    """Read the calibration of a rectified pair; the format is recognized by the content.

    | file | needs | unit |
    | --- | --- | --- |
    | Middlebury 2014, v3, ETH3D (`calib.txt`) | `cam0=[f 0 cx; 0 f cy; 0 0 1]`, `baseline=`; `doffs=` | mm |
    | KITTI (`P0:` .. `P3:` or `P_rect_00:` ..) | the matrices of two cameras; baseline from their fourth columns | m |
    | OpenCV (YAML, XML, JSON), npz | `P1` and `P2`, or `K1` and `T` (as `M1`, `cameraMatrix1` ... too) | that of T |
    | ROS, two camera_info files, left first | `projection_matrix` of both | m |
    | ORB-SLAM (YAML) | `LEFT.P` and `RIGHT.P`, or `Camera.fx` .. and `Camera.bf` | that of bf |

    Args:
        paths: one file; for OpenCV also several, such as `intrinsics.yml` and `extrinsics.yml`, and for ROS and EuRoC
            one of each camera.
        gray: of KITTI's four cameras take the gray ones, 0 and 1, or the color ones, 2 and 3, when the file has both;
            None takes the color ones, with a note.

    Raises:
        CalibrationError: the file is missing, damaged, of an unknown format, or its values are impossible.
    """
    files = _read_all(paths)
    source, text = files[0]
    if isinstance(text, str) and (is_middlebury(text) or is_kitti(text)):
        if len(files) > 1:
            raise CalibrationError(f"{source}: this kind of calibration is one file alone, got {len(files)}")
        return read_middlebury(source, text) if is_middlebury(text) else read_kitti(source, text, gray)
    documents = [(name, document) for name, text in files if (document := _document(name, text)) is not None]
    if len(documents) < len(files):
        known = [name for name, _ in documents]
        source = next(name for name, _ in files if name not in known)
        raise CalibrationError(
            f"{source}: unknown kind of calibration; expected Middlebury's (cam0=[...], baseline=...), KITTI's "
            "(P2: ..., P3: ...), or YAML, XML, JSON or npz of OpenCV (K1, D1, K2, D2, R, T), ROS, Kalibr or ORB-SLAM"
        )
    return Rig(documents).rectified()


def read_cameras(paths: FilePath | Sequence[FilePath]) -> CameraPair:
    """Read a calibration of the cameras before rectification.

    It holds K1, D1, K2, D2 (as OpenCV, Kalibr, EuRoC or ORB-SLAM name them), and how to get from one camera to the
    other: R and T; transforms (`T_cn_cnm1`, `T_c1_c2`, `T_BS` ...); or R and P of each camera, which are used as they
    are (ROS, ORB-SLAM).

    Args:
        paths: one file or several that complete each other.

    Raises:
        CalibrationError: the files are missing, damaged, of another format, or lack a matrix; the lens is of a model
            that is not read, or its coefficients are not understood.
    """
    files = _read_all(paths)
    documents = []
    for source, text in files:
        is_plain = isinstance(text, str) and (is_middlebury(text) or is_kitti(text))
        document = None if is_plain else _document(source, text)
        if document is None:
            raise CalibrationError(
                f"{source}: is no calibration of raw cameras; rectifying needs K1, D1, K2, D2, R, T in YAML, XML, "
                "JSON or npz, or files of ROS, Kalibr or ORB-SLAM"
            )
        documents.append((source, document))
    return Rig(documents).cameras()


def _read_all(paths: FilePath | Sequence[FilePath]) -> list[tuple[str, str | bytes]]:
    """Name and text of every file; bytes of an npz."""
    names = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not names:
        raise CalibrationError("no calibration file given; expected at least one")
    return [(os.fspath(name), _read(os.fspath(name))) for name in names]


def _read(name: str) -> str | bytes:
    path = Path(name)
    try:
        if not path.exists():
            raise CalibrationError(f"{name}: no such calibration file; check the path")
        if not path.is_file():
            raise CalibrationError(f"{name}: not a regular file; expected a calibration file")
        with open(path, "rb") as file:
            # No more than is allowed, whatever the size says.
            data = file.read(MAX_BYTES + 1)
    except CalibrationError:
        raise
    except OSError as error:
        raise CalibrationError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None
    except ValueError:  # a NUL in the name
        raise CalibrationError(f"{name}: no such calibration file; check the path") from None
    if len(data) > MAX_BYTES:
        raise CalibrationError(f"{name}: has more than {MAX_BYTES:,} bytes; expected a calibration, a small file")
    if data.startswith(_ZIP):
        return data
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalibrationError(f"{name}: is not text; expected a calibration file") from None
    if not text.strip():
        raise CalibrationError(f"{name}: the file is empty; expected a calibration")
    return text


def _document(name: str, text: str | bytes) -> dict[str, Any] | None:
    return parse_npz(name, text) if isinstance(text, bytes) else parse_document(name, text)
