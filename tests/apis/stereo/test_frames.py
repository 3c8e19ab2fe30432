"""Pairs of frames: paired by names, in natural order, with one white for all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.apis.frames import open_frames
from vision.apis.stereo.frames import StereoFrames
from vision.errors import UsageError


def save(path: Path, level: int, dtype: type = np.uint8) -> None:
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((16, 24), level, dtype))


def levels(frames: StereoFrames) -> list[tuple[int, int]]:
    return [(int(left[0, 0, 0]), int(right[0, 0, 0])) for left, right in frames]


def test_each_frame_meets_the_one_of_its_name(tmp_path: Path) -> None:
    for number in (1, 2, 8, 10):
        save(tmp_path / f"l/cam0_{number}.png", 10 * number)
        save(tmp_path / f"r/cam1_{number}.png", 10 * number + 1)
    (tmp_path / "l/cam0_2.png").unlink()
    (tmp_path / "r/cam1_8.png").unlink()
    frames = StereoFrames(str(tmp_path / "l"), str(tmp_path / "r"))
    assert levels(frames) == [(10, 11), (100, 101)]
    assert frames.count == 2 and frames.names == ["cam0_1", "cam0_10"] and frames.name_of(1) == "cam0_10"
    assert "1 left and 1 right frames have no partner" in str(frames.problem) and frames.ended is None


def test_frames_of_a_folder_are_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 8, 9):
        save(tmp_path / f"v/{number}.png", number)
    frames = open_frames(str(tmp_path / "v"), 10**6)
    assert [int(frame[0, 0, 0]) for frame in frames] == [8, 9, 10]
    halves = StereoFrames(str(tmp_path / "v"), None)
    assert halves.names == ["8", "9", "10"] and next(iter(halves))[0].shape == (16, 12, 3)
    cv2.imwrite(str(tmp_path / "v/8.png"), np.zeros((16, 25), np.uint8))
    with pytest.raises(UsageError, match="frames are 25 pixels wide; expected two views of one width"):
        next(iter(halves))


def test_12_bit_frames_have_one_white(tmp_path: Path) -> None:
    """The first frame is dark, and the right view is darker: neither becomes brighter for it."""
    for number, (left, right) in enumerate([(400, 200), (4000, 2000)]):
        save(tmp_path / f"l/{number}.png", left, np.uint16)
        save(tmp_path / f"r/{number}.png", right, np.uint16)
    found = levels(StereoFrames(str(tmp_path / "l"), str(tmp_path / "r")))
    np.testing.assert_allclose(found, [(25, 12.5), (249, 124.5)], atol=1)  # of 4095


def test_a_folder_and_a_file(tmp_path: Path) -> None:
    save(tmp_path / "l/1.png", 1)
    with pytest.raises(UsageError, match="a folder and a file; expected two videos or two folders"):
        StereoFrames(str(tmp_path / "l"), str(tmp_path / "l/1.png"))


@pytest.mark.parametrize(("rates", "is_told"), [((30, 30), False), ((30, 29.97), True)])
def test_rates_that_nearly_agree(tmp_path: Path, rates: tuple[float, float], is_told: bool) -> None:
    paths = []
    for side, rate in zip("lr", rates, strict=True):
        paths.append(str(tmp_path / f"{side}.avi"))
        writer = cv2.VideoWriter(paths[-1], cv2.VideoWriter.fourcc(*"MJPG"), rate, (24, 16))
        for _ in range(2):
            writer.write(np.zeros((16, 24, 3), np.uint8))
        writer.release()
    problem = StereoFrames(*paths).problem
    assert ("may drift apart" in (problem or "")) == is_told
