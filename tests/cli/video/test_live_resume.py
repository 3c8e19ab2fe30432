"""A camera goes on behind an earlier run: none of its new frames is one that was done."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest


class ThreeFrames:
    """A camera that gives three frames of a white square and is gone."""

    def __init__(self, number: int) -> None:
        self.left = 3

    def isOpened(self) -> bool:
        return True

    def set(self, *_: object) -> None:
        pass

    def get(self, _: object) -> float:
        return 10.0

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        frame = np.full((96, 128, 3), 80, np.uint8)
        frame[30:50, 30:50] = 255
        return True, frame

    def release(self) -> None:
        pass


def test_a_camera_goes_on_with_the_next_number_and_the_same_track(
    video: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vision.apis.video.frames.cv2.VideoCapture", ThreeFrames)
    assert video("0", "--jsonl", "--state", "s") == 1
    capsys.readouterr()
    assert video("0", "--jsonl", "--resume", "s") == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["frame"] for record in records] == [3, 4, 5]
    assert [found["track"] for record in records for found in record["objects"]] == [0, 0, 0]
