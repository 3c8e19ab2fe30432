"""The camera that depths belong to: what is written says it, and is read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.geometry import StereoCalibration, read_calibration
from vision.geometry.camera_file import camera_record, write_camera

TURN = cv2.Rodrigues(np.array([0.01, -0.02, 0.03]))[0]
CAMERA = StereoCalibration(
    focal=390.5,
    baseline=0.12,
    cx=310.25,
    cy=230.75,
    doffs=-3.5,
    focal_y=391.5,
    unit="m",
    size=(640, 480),
    rotation=tuple(TURN.ravel().tolist()),
)


@pytest.mark.parametrize("unit", ["m", "mm", ""])
def test_a_camera_is_read_back(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "camera.json"
    write_camera(path, replace(CAMERA, unit=unit))
    found = read_calibration(path)
    assert found.baseline == pytest.approx(0.12)
    assert replace(found, source="calibration", baseline=0.12) == replace(CAMERA, unit=unit, rotation=None)
    values = json.loads(path.read_text())
    assert values["R1"] == TURN.tolist() and values["image_width"] == 640 and values["doffs"] == -3.5
    # A point of the left camera's coordinates lands where both matrices say, doffs included.
    left, right = (np.array(values[name]) @ [0.3, -0.2, 2.0, 1.0] for name in ("P1", "P2"))
    disparity = left[0] / left[2] - right[0] / right[2]
    assert 390.5 * 0.12 / (disparity + values["doffs"]) == pytest.approx(2.0)


def test_the_record_is_flat_and_always_the_same() -> None:
    record = camera_record(CAMERA)
    assert [record[name] for name in ("focal", "focal_y", "cx", "cy", "baseline", "doffs", "unit")] == [
        390.5, 391.5, 310.25, 230.75, 0.12, -3.5, "m",
    ]  # fmt: skip
    assert record["rotation"] == TURN.ravel().tolist()
    assert list(camera_record(None)) == list(record) and set(camera_record(None).values()) == {None}
    with pytest.raises(ValueError, match="is of no size"):
        write_camera("nowhere.json", StereoCalibration(1, 1))
