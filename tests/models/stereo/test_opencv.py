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


@pytest.mark.parametrize(
    ("most", "width", "searched"),
    [(1, 200, 16), (16, 200, 16), (17, 200, 32), (64, 200, 64), (500, 200, 192), (500, 193, 192), (500, 192, 176)],
)
def test_what_opencv_is_asked_for(most: float, width: int, searched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges in steps of 16, less than the width; P1 and P2 are OpenCV's 8 and 32 times channels times block area."""
    asked: list[dict[str, int]] = []

    class Matcher:
        def compute(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
            assert left.shape == right.shape
            return np.tile(np.arange(left.shape[1], dtype=np.int16), (left.shape[0], 1))

    def create(**options: int) -> Matcher:
        asked.append(options)
        return Matcher()

    monkeypatch.setattr(cv2.StereoSGBM, "create", create)
    monkeypatch.setattr(cv2.StereoBM, "create", create)
    view = np.zeros((20, width, 3), np.uint8)
    plain, padded = (sgbm_disparity(view, view, most, pad) for pad in (False, True))
    assert plain[3, 5] == 5 / 16 and padded[3, 5] == (searched + 5) / 16  # sixteenths; the margin is cut off again
    bm_disparity(view, view, most)
    assert (
        asked[0]
        == asked[1]
        == {
            "minDisparity": 0,
            "numDisparities": searched,
            "blockSize": 5,
            "P1": 600,
            "P2": 2400,
            "disp12MaxDiff": 1,
            "preFilterCap": 63,
            "uniquenessRatio": 10,
            "speckleWindowSize": 100,
            "speckleRange": 2,
            "mode": cv2.STEREO_SGBM_MODE_HH,
        }
    )
    assert asked[2] == {"numDisparities": searched, "blockSize": 15}
