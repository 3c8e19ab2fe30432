"""What a video showed over time."""

from __future__ import annotations

import numpy as np
import pytest

from vision.cli.video import summary
from vision.cli.video.summary import Summary
from vision.errors import Notice
from vision.structures.video import VideoResult


def result(frame: int, tracks: list[int], label: int = 0) -> VideoResult:
    count = len(tracks)
    boxes, scores = np.zeros((count, 4), np.float32), np.ones(count, np.float32)
    return VideoResult(
        "x",
        frame,
        frame / 10,
        (9, 9),
        boxes,
        scores,
        np.full(count, label),
        np.array(tracks, np.int64),
        ("person", "dog"),
    )


def test_mean_peak_and_tracks(capsys: pytest.CaptureFixture[str]) -> None:
    counts = Summary()
    for frame, tracks in enumerate([[], [0], [0, 1, -1], [1]]):
        counts.add(result(frame, tracks))
    counts.add(result(4, [2], label=1))
    counts.add(VideoResult("x", 5, error=Notice("cannot be decoded", "damaged-image")))
    line = counts.line(2.5, 6, has_tracks=True)
    assert line == (
        "6 frames, 2.00 per second: dog 0.20 per frame, 1 at most (at 0.4 s), 1 track; "
        "person 1.00 per frame, 3 at most (at 0.2 s), 2 tracks; 1 could not be read"
    )
    assert "track" not in counts.line(2.5, 6, has_tracks=False)
    counts.print_table(has_tracks=True)
    lines = [text.split() for text in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["dog", "0.20", "1", "0.4", "s", "1"], ["person", "1.00", "3", "0.2", "s", "2"]]


def test_frames_between_are_not_called_unread() -> None:
    counts = Summary()
    counts.add(result(0, []))
    counts.add(result(5, []))
    assert counts.line(1.0, 10, has_tracks=True) == "10 frames, 2 looked at, 2.00 per second: nothing found"


def test_tracks_are_counted_in_memory_that_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "_KEPT", 10)
    counts = Summary()
    for frame in range(1000):
        counts.add(result(frame, [frame // 4, frame // 4 + 1]))  # each lasts for 8 frames
    assert len(counts._known) <= 21 and "251 tracks" in counts.line(1.0, 1000, has_tracks=True)
