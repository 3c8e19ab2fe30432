"""Frames with what was found in them."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from vision.errors import UsageError
from vision.structures.video import VideoResult
from vision.visualization import contact_sheet, draw_frame

FRAME = np.full((120, 160, 3), (10, 60, 200), np.uint8)


def result(*tracks: int) -> VideoResult:
    boxes = np.array([[20 + 70 * n, 40, 60 + 70 * n, 100] for n in range(len(tracks))], np.float32).reshape(-1, 4)
    zeros = np.zeros(len(tracks), np.int64)
    return VideoResult("", 0, None, (120, 160), boxes, np.full(len(tracks), 0.5, np.float32), zeros, np.array(tracks))


def test_colors_go_by_track_and_the_frame_stays_as_it_was() -> None:
    before = FRAME.copy()
    drawn = draw_frame(FRAME, result(1, 2))
    first, second = drawn[99:101, 40].reshape(-1, 3), drawn[99:101, 110].reshape(-1, 3)
    changed = [{tuple(c) for c in side.tolist()} - {(10, 60, 200)} for side in (first, second)]
    assert changed[0] and changed[1] and not changed[0] & changed[1]
    assert (before == FRAME).all() and (drawn[60:90, 70:85] == (10, 60, 200)).all()
    assert (draw_frame(FRAME, result(2, 1))[99:101, 110] == drawn[99:101, 40]).all()


def test_labels_of_boxes_at_the_edges_are_in_the_frame() -> None:
    boxes = np.array([[0, 0, 20, 60], [140, 0, 160, 60]], np.float32)
    found = VideoResult("", 0, None, (120, 160), boxes, np.ones(2, np.float32), np.zeros(2, int), np.array([1, 2]))
    black = (draw_frame(FRAME, found) < 40).all(-1)  # the text
    # A box of its text at each of the two upper corners, a few pixels from the edges.
    for part in (black[:, :80], black[:, 80:]):
        rows, columns = part.any(1).nonzero()[0], part.any(0).nonzero()[0]
        assert rows[0] >= 1 and 5 <= rows[-1] - rows[0] <= 20
        assert columns[0] >= 1 and columns[-1] <= 78


def test_labels_do_not_cover_each_other() -> None:
    boxes = np.array([[40, 40, 80, 100], [42, 41, 82, 101]], np.float32)
    found = VideoResult("", 0, None, (120, 160), boxes, np.ones(2, np.float32), np.zeros(2, int), np.array([1, 2]))
    alone = [
        (
            draw_frame(
                FRAME,
                replace(
                    found,
                    boxes=boxes[n : n + 1],
                    scores=found.scores[:1],
                    labels=found.labels[:1],
                    track_ids=found.track_ids[n : n + 1],
                ),
            )
            < 40
        )
        .all(-1)
        .sum()
        for n in (0, 1)
    ]
    assert (draw_frame(FRAME, found) < 40).all(-1).sum() >= 0.95 * sum(alone)


def test_nothing_found_draws_nothing() -> None:
    assert (draw_frame(FRAME, result()) == FRAME).all()


def test_a_contact_sheet_takes_several_sizes() -> None:
    sheet = np.asarray(contact_sheet([FRAME, FRAME[:60], FRAME], columns=2, width=80))
    assert sheet.shape == (2 * 68 + 8, 2 * 88 + 8, 3)  # 80 x 60 with gaps of 8
    assert (sheet[8:68, 8:88] == (10, 60, 200)).all() and (sheet[8:38, 96:176] == (10, 60, 200)).all()
    assert not (sheet[40:68, 96:176] == (10, 60, 200)).any(axis=None)
    with pytest.raises(UsageError) as caught:
        contact_sheet([])
    assert caught.value.code == "no-frames"


def test_drawing_needs_supervision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(UsageError) as caught:
        draw_frame(FRAME, result(1))
    assert caught.value.code == "missing-package"
