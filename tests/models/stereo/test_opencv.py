"""OpenCV's matchers as baselines: dense, with the disparity's sign and size right."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from vision.models.stereo.opencv import bm_disparity, fill_holes, sgbm_disparity

NAN = math.nan


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise behind (5 pixels) and a square before it (20 pixels): left, right and the left view's disparity."""
    rng = np.random.default_rng(0)
    far, near = (cv2.GaussianBlur(rng.integers(0, 256, (120, 220, 3)).astype(np.uint8), (0, 0), 1.2) for _ in range(2))
    left, right, disparity = far[:, :200].copy(), far[:, 5:205].copy(), np.full((120, 200), 5.0)
    left[40:80, 90:130] = right[40:80, 70:110] = near[40:80, 90:130]
    disparity[40:80, 90:130] = 20
    return left, right, disparity


@pytest.mark.parametrize("matcher", [sgbm_disparity, bm_disparity])
@pytest.mark.parametrize("pad", [False, True])
def test_finds_both_surfaces(pair: tuple[np.ndarray, np.ndarray, np.ndarray], matcher, pad: bool) -> None:
    left, right, truth = pair
    found = matcher(left, right, 20.0, pad)
    assert found.dtype == np.float32 and found.shape == truth.shape and np.isfinite(found).all()
    error = np.abs(found - truth)
    assert np.median(error) < 0.1
    assert (error[45:75, 95:125] < 1).mean() > 0.95
    assert (error > 2).mean() < 0.1


def test_padding_reaches_the_left_edge() -> None:
    """A wall that comes nearer to the left: what it is there cannot be taken from the neighbors on the right."""
    rng = np.random.default_rng(1)
    left = cv2.GaussianBlur(rng.integers(0, 256, (100, 240, 3)).astype(np.uint8), (0, 0), 1.5)
    y, x = np.mgrid[:100, :240].astype(np.float32)
    # x_right = x - d(x) with d = 28 - x / 10, which maps x_right back to x = (x_right + 28) / 1.1
    right = cv2.remap(left, (x + 28) / 1.1, y, cv2.INTER_LINEAR)
    truth = (28 - x / 10)[:, 29:]
    error = [np.abs(sgbm_disparity(left, right, 80.0, pad)[:, 29:] - truth)[:, :40].mean() for pad in (False, True)]
    assert error[1] < 0.5 < error[0]


def test_holes_take_the_smaller_neighbor() -> None:
    disparity = np.array([[NAN, 3, NAN, 1, NAN], [NAN] * 5, [8, NAN, NAN, 9, 2]])
    filled = fill_holes(disparity)
    assert filled.tolist() == [[3, 3, 1, 1, 1], [3, 3, 1, 1, 1], [8, 8, 8, 9, 2]]
    assert fill_holes(np.full((2, 3), NAN)).tolist() == [[0] * 3] * 2
    assert np.isnan(disparity).sum() == 10, "the map that came in is left alone"


def test_range(pair: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    left, right, _ = pair
    for wrong in (0, -4, NAN, math.inf):
        with pytest.raises(ValueError, match="max_disparity"):
            sgbm_disparity(left, right, wrong)
    # More than the image is wide is cut to what OpenCV takes.
    assert sgbm_disparity(left[:, :60], right[:, :60], 500).shape == (120, 60)
    assert bm_disparity(left[:, :60], right[:, :60], 500).shape == (120, 60)
