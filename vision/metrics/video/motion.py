"""How fast objects of a video move, told from their boxes: Zhu et al., Flow-Guided Feature Aggregation, ICCV 2017."""

from __future__ import annotations

import numpy as np

from vision.metrics.video.boxes import paired_iou

RADIUS = 10  # frames to each side
SPEEDS = ("slow", "medium", "fast")
_FAST_BELOW, _SLOW_ABOVE = 0.7, 0.9


def motion_ious(frames: np.ndarray, tracks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Mean overlap of each box of a video with those of the same track in the 10 frames before and after it.

    Args:
        frames: `[N]` number of the frame.
        tracks: `[N]` number of the object, below 0 if unknown; two boxes of one object are not in the same frame.
        boxes: `[N, 4]` x1, y1, x2, y2.

    Returns:
        `[N]`, NaN where the track is unknown or has no other box near: an object that is seen once has no speed.
    """
    frames, tracks = np.asarray(frames, np.int64), np.asarray(tracks, np.int64)
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    order = np.lexsort((frames, tracks))
    total, count = np.zeros(len(frames)), np.zeros(len(frames))
    for shift in range(1, RADIUS + 1):
        before, after = order[:-shift], order[shift:]
        distance = frames[after] - frames[before]
        near = (tracks[before] == tracks[after]) & (tracks[before] >= 0) & (distance > 0) & (distance <= RADIUS)
        before, after = before[near], after[near]
        overlap = paired_iou(boxes[before], boxes[after])
        for side in (before, after):  # none comes twice in one of them
            total[side] += overlap
            count[side] += 1
    return np.divide(total, count, out=np.full(len(frames), np.nan), where=count > 0)


def is_of_speed(ious: np.ndarray, speed: str) -> np.ndarray:
    """Which boxes are slow (overlap above 0.9), medium (0.7 to 0.9) or fast (below 0.7); NaN is none of them."""
    ious = np.asarray(ious)
    if speed == "slow":
        return ious > _SLOW_ABOVE
    if speed == "fast":
        return ious < _FAST_BELOW
    return (ious >= _FAST_BELOW) & (ious <= _SLOW_ABOVE)
