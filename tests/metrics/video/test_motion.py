"""Speeds of objects against cases worked out by hand and a loop over pairs of boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vision.metrics.video.boxes import box_iou
from vision.metrics.video.motion import is_of_speed, motion_ious


def test_overlaps_by_hand() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3]])
    found = box_iou(boxes, boxes)
    assert found[0].tolist() == pytest.approx([1, 50 / 150, 0, 0])
    assert found[3, 3] == 0  # empty
    # 11 x 11 and 6 x 11 pixels.
    assert box_iou(boxes, boxes, plus_one=True)[0, 1] == pytest.approx(66 / (2 * 121 - 66))
    assert box_iou(boxes[:0], boxes).shape == (0, 4)


def naive(frames: list[int], tracks: list[int], boxes: np.ndarray) -> list[float]:
    result = []
    for i in range(len(frames)):
        values = []
        for j in range(len(frames)):
            if i == j or tracks[i] != tracks[j] or tracks[i] < 0 or abs(frames[i] - frames[j]) > 10:
                continue
            (a, b, c, d), (e, f, g, h) = boxes[i], boxes[j]
            shared = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
            values.append(shared / ((c - a) * (d - b) + (g - e) * (h - f) - shared))
        result.append(sum(values) / len(values) if values else math.nan)
    return result


@pytest.mark.parametrize("seed", range(3))
def test_against_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [(frame, track) for track in (-1, 0, 3) for frame in range(40) if track >= 0 or frame < 2]
    rows += [(7, 9), (5, 11), (30, 11)]  # seen once; seen twice, but far apart
    rng.shuffle(rows)
    frames, tracks = [int(frame) for frame, _ in rows], [int(track) for _, track in rows]
    corner = rng.uniform(0, 20, (len(rows), 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 30, corner.shape)], 1)
    found = motion_ious(np.array(frames), np.array(tracks), boxes)
    np.testing.assert_allclose(found, naive(frames, tracks, boxes), rtol=1e-12)
    assert np.isnan(found).sum() == 5


def test_speeds_by_hand() -> None:
    # 100 wide; shifts by s pixels a frame: the overlap of neighbors is (100 - s) / (100 + s).
    for shift, speed in ((1, "slow"), (10, "medium"), (40, "fast")):
        boxes = np.array([[0, 0, 100, 50], [shift, 0, 100 + shift, 50]])
        ious = motion_ious(np.array([3, 4]), np.array([0, 0]), boxes)
        assert ious == pytest.approx((100 - shift) / (100 + shift))
        assert [is_of_speed(ious, name).all() for name in ("slow", "medium", "fast")] == [
            name == speed for name in ("slow", "medium", "fast")
        ]
    edges = np.array([0.7, 0.9, math.nan])
    assert is_of_speed(edges, "medium").tolist() == [True, True, False]
    assert not is_of_speed(edges, "slow").any() and not is_of_speed(edges, "fast").any()


def test_nothing() -> None:
    assert motion_ious(np.zeros(0), np.zeros(0), np.zeros((0, 4))).shape == (0,)
