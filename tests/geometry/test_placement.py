"""Calibrations of another size or of a crop: warned of where the principal point gives them away, or the file does."""

from __future__ import annotations

import numpy as np
import pytest

from vision.geometry import CameraPair, StereoCalibration
from vision.geometry.placement import placement_notices


def codes(found: list) -> list[str]:
    return [notice.code for notice in found]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1280, 720), []), ((640, 360), ["off-center"]), ((960, 540), ["off-center"]), ((2560, 1440), ["off-center"])],
)
def test_a_file_without_a_size(size: tuple[int, int], expected: list[str]) -> None:
    calibration = StereoCalibration(focal=1000, baseline=0.1, cx=640, cy=360)
    k = np.array([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]])
    cameras = CameraPair(k, np.zeros(5), k, np.zeros(5), np.eye(3), np.array([-0.1, 0, 0]))
    assert codes(placement_notices(calibration, *size)) == codes(placement_notices(cameras, *size)) == expected


@pytest.mark.parametrize(("cy", "expected"), [(360, []), (250, ["off-center"])])
def test_a_crop_is_seen_along_either_side(cy: float, expected: list[str]) -> None:
    assert codes(placement_notices(StereoCalibration(1000, 0.1, cx=640, cy=cy), 1280, 720)) == expected
    assert codes(placement_notices(StereoCalibration(1000, 0.1, cx=cy * 1280 / 720, cy=360), 1280, 720)) == expected


def test_what_rigs_of_data_sets_have_is_fine() -> None:
    for calibration, size in (
        (StereoCalibration(721.5, 0.54, cx=609.6, cy=172.9), (1242, 375)),
        (StereoCalibration(4844.97, 170.5, cx=1083.6, cy=1000.9, doffs=254.9, size=(2912, 1924)), (2912, 1924)),
        (StereoCalibration(4844.97, 170.5, cx=900, cy=1000.9, doffs=500), (2912, 1924)),
        (StereoCalibration(700, 0.1), (640, 480)),
    ):
        assert placement_notices(calibration, *size) == []


def test_scaled_copies_are_told() -> None:
    found = placement_notices(StereoCalibration(1000, 0.1, cx=640, cy=360, size=(1280, 720)), 640, 360)
    assert codes(found) == ["calibration-scaled"] and found[0].value == 0.5 and "scaled by 0.5" in found[0]
    outside = StereoCalibration(1000, 0.1, cx=1300, cy=360, size=(1280, 720))
    assert codes(placement_notices(outside, 1280, 720)) == ["off-center"]
