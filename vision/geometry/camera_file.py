"""The camera that depths belong to, as a JSON file: read back by `read_calibration`, and by anybody's few lines."""

from __future__ import annotations

import json
import os
from typing import Any

from vision.files import write_text
from vision.geometry.calibration import StereoCalibration


def camera_record(calibration: StereoCalibration | None) -> dict[str, Any]:
    """Flat numbers of the left camera of a rectified pair, as of images of `calibration.size`.

    `rotation` is the turn from the raw left camera, row by row: x_rectified = rotation @ x_raw; None for pairs that
    came rectified. Without a calibration, all are None.
    """
    if calibration is None:
        return dict.fromkeys(("focal", "focal_y", "cx", "cy", "baseline", "doffs", "unit", "rotation"))
    turn = calibration.rotation
    return {
        "focal": calibration.focal,
        "focal_y": calibration.focal if calibration.focal_y is None else calibration.focal_y,
        "cx": calibration.cx,
        "cy": calibration.cy,
        "baseline": calibration.baseline,
        "doffs": calibration.doffs,
        "unit": calibration.unit,
        "rotation": None if turn is None else list(turn),
    }


def write_camera(path: str | os.PathLike[str], calibration: StereoCalibration) -> None:
    """Write the cameras of a rectified pair, whole or not at all: K and P1, P2, R1 as OpenCV names them.

    Args:
        path: of the file; one that exists is replaced.
        calibration: fitted to the images, so that it knows their size and its center.

    Raises:
        ValueError: it has no size.
        OSError: the file cannot be written.
    """
    if calibration.size is None or calibration.cx is None or calibration.cy is None:
        raise ValueError(f"{calibration.source} is of no size; expected calibration.fitted(width, height)")
    record = camera_record(calibration)
    fx, fy, cx, cy = (record[name] for name in ("focal", "focal_y", "cx", "cy"))
    turn = calibration.rotation
    values = {
        "image_width": calibration.size[0],
        "image_height": calibration.size[1],
        "P1": [[fx, 0.0, cx, 0.0], [0.0, fy, cy, 0.0], [0.0, 0.0, 1.0, 0.0]],
        "P2": [[fx, 0.0, cx + calibration.doffs, -fx * calibration.baseline], [0.0, fy, cy, 0.0], [0.0, 0.0, 1.0, 0.0]],
        "baseline": calibration.baseline,
        "doffs": calibration.doffs,
    }
    if calibration.unit:
        values["unit"] = calibration.unit
    if turn is not None:
        values["R1"] = [list(turn[row : row + 3]) for row in (0, 3, 6)]
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
    write_text(path, f"{{\n{lines}\n}}\n")
