"""Images of more than 8 bits: training and evaluation see what the commands see."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.datasets import ForgeryDataset, StereoFiles
from vision.datasets.stereo.files import read_sample


@pytest.mark.parametrize("channels", [1, 3])
def test_views_have_one_white(tmp_path: Path, channels: int) -> None:
    left = np.random.default_rng(0).integers(0, 256, (16, 24, channels), dtype=np.uint16)
    left[0, 0] = 255
    right = left // 8  # alone, it would be taken for one of fewer bits
    for name, view in (("l.png", left), ("r.png", right)):
        cv2.imwrite(str(tmp_path / name), view[..., ::-1] * 16)
    sample = read_sample(StereoFiles(str(tmp_path / "l.png"), str(tmp_path / "r.png"), "scene"))
    np.testing.assert_array_equal(sample["left"], np.broadcast_to(left, (16, 24, 3)))
    np.testing.assert_array_equal(sample["right"], np.broadcast_to(right, (16, 24, 3)))


def test_training_sees_deep_images_at_their_brightness(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint16)
    pixels[0, 0] = 255
    for kind in ("0_real", "1_fake"):
        (tmp_path / "one" / kind).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "one" / kind / "a.png"), pixels[..., ::-1] * 4)
    for item in ForgeryDataset(str(tmp_path), crop_size=32, test_mode=True):
        np.testing.assert_array_equal(item["inputs"].permute(1, 2, 0), pixels)
