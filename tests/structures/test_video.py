"""What is found in a frame, as JSON."""

from __future__ import annotations

import json

import numpy as np

from vision.errors import Notice
from vision.structures.video import Detections, VideoResult


def test_a_result_is_ready_for_json() -> None:
    boxes = np.array([[0.123, 1, 2, 3], [4, 5, 6, 7]], np.float32)
    labels, tracks = np.array([0, 5]), np.array([-1, 12])
    result = VideoResult(
        "a.png", 3, 0.12345, (48, 64), boxes, np.array([0.5, 0.25], np.float32), labels, tracks, ("a",)
    )
    told = json.loads(json.dumps(result.to_dict()))
    assert told["objects"] == [
        {"box": [0.12, 1, 2, 3], "score": 0.5, "label": "a", "track": None},
        {"box": [4, 5, 6, 7], "score": 0.25, "label": "class 5", "track": 12},
    ]
    assert (told["frame"], told["time"], told["width"], told["height"]) == (3, 0.1235, 64, 48) and len(result) == 2


def test_a_frame_without_a_result_has_the_same_fields() -> None:
    result = VideoResult("frame 0", 0, error=Notice("is damaged", "damaged-image"))
    told = json.loads(json.dumps(result.to_dict()))
    assert told["error"] == "is damaged" and told["objects"] == [] and told["width"] is None and bool(result)
    assert set(told) == set(VideoResult("frame 1", 1, size=(2, 2)).to_dict())


def test_detections_are_chosen() -> None:
    found = Detections(np.eye(3, 4, dtype=np.float32), np.array([0.1, 0.2, 0.3], np.float32), np.arange(3))
    assert found.chosen(found.scores > 0.15).labels.tolist() == [1, 2] and found.chosen(np.array([2])).boxes[0, 2] == 1
    assert Detections.none().boxes.shape == (0, 4)
