"""Frames of a folder: deep ones are neither nearly black nor of a brightness that jumps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.apis.frames import open_frames


@pytest.mark.parametrize("channels", [1, 3])
def test_frames_of_12_bits_have_one_white(tmp_path: Path, channels: int) -> None:
    bright = np.random.default_rng(0).integers(0, 256, (16, 24, channels), dtype=np.uint16)
    bright[0, 0] = 255
    frames = [bright, bright // 8, bright, bright // 2]  # alone, the second would have a white of 10 bits
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame[..., ::-1] * 16)
    read = list(open_frames(str(tmp_path), 1000))
    expected = [np.broadcast_to(frame, (16, 24, 3)).astype(np.uint8) for frame in frames]
    np.testing.assert_array_equal(read, expected)


def test_white_of_many_frames_is_that_of_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(paths: list[Path], max_pixels: int) -> int:
        asked.extend(path.name for path in paths)
        return 1023

    for number in range(20):
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), np.full((8, 8), 1023, np.uint16))
    monkeypatch.setattr("vision.apis.frames.common_white", noted)
    assert all((frame == 255).all() for frame in open_frames(str(tmp_path), 1000))
    assert asked == ["00.png", "03.png", "06.png", "09.png", "12.png", "15.png", "18.png"]
