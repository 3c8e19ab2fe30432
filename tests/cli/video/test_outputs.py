"""What `vision video` writes: the drawn video, lines of JSON and of MOTChallenge, the table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from tests.cli.video.conftest import SIDE, FindsWhite, frames_in, picture, write_clip
from vision.cli.video.drawn import DrawnVideo

Capture = pytest.CaptureFixture[str]
Video = Callable[..., int]


def mot(path: str) -> list[list[float]]:
    return [[float(cell) for cell in line.split(",")] for line in Path(path).read_text().splitlines()]


def test_all_outputs_of_one_run(video: Video, clip: Path, capsys: Capture) -> None:
    assert video(clip, "-o", "found.mp4", "--mot", "mot.txt", "--jsonl") == 0
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["frame"] for record in records] == list(range(12))
    assert [record["time"] for record in records] == [round(number / 25, 4) for number in range(12)]
    assert set(records[0]) == {
        "path", "frame", "time", "width", "height", "objects", "seconds", "warnings", "error",
    }  # fmt: skip
    assert (records[3]["width"], records[3]["height"], records[3]["error"]) == (128, 96, None)
    [found] = records[3]["objects"]
    assert found["label"] == "square" and found["score"] == 0.53
    assert np.abs(np.subtract(found["box"], [13, 30, 13 + SIDE, 30 + SIDE])).max() <= 2

    rows = mot("mot.txt")
    assert [row[0] for row in rows] == list(range(1, 13))
    assert [row[6] for row in rows] == pytest.approx([0.5 + number / 100 for number in range(12)])
    assert {tuple(row[7:]) for row in rows} == {(-1, -1, -1)}
    assert np.abs(np.subtract(rows[3][2:6], [13, 30, SIDE, SIDE])).max() <= 2
    tracks = [-1 if record["objects"][0]["track"] is None else record["objects"][0]["track"] for record in records]
    assert [row[1] for row in rows] == tracks and tracks[0] == -1 and len(set(tracks[1:])) == 1
    assert len(frames_in(Path("found.mp4"))) == 12
    assert "12 frames, " in err and "square 1.00 per frame, 1 at most (at 0.0 s), 1 track; found.mp4, mot.txt" in err


def test_with_every_the_frames_between_keep_the_last_boxes(video: Video, clip: Path, capsys: Capture) -> None:
    assert video(clip, "--every", 5, "-o", "found.mp4", "--jsonl", "--mot", "mot.txt") == 0
    out = capsys.readouterr().out
    assert [json.loads(line)["frame"] for line in out.splitlines()] == [0, 5, 10]
    assert [row[0] for row in mot("mot.txt")] == [1, 6, 11]
    frames = frames_in(Path("found.mp4"))
    assert len(frames) == 12
    drawn = [colored(frame) for frame in frames]
    # Corners alone, where the box of frame 5 was.
    assert 0 < drawn[6].sum() < drawn[5].sum()
    assert colored(frames[6])[28:52, 15:43].sum() == drawn[6].sum()
    assert drawn[10].sum() > drawn[9].sum()


def colored(frame: np.ndarray) -> np.ndarray:
    """Where a frame is neither gray nor white."""
    return np.ptp(frame.astype(int), axis=-1) > 60


def test_a_table_without_options_and_no_tracks_on_request(video: Video, clip: Path, capsys: Capture) -> None:
    assert video(clip) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["square", "1.00", "1", "0.0", "s", "1"]
    assert video(clip, "--no-track", "--mot", "mot.txt") == 0
    out, err = capsys.readouterr()
    assert "track" not in out and "track" not in err
    assert {row[1] for row in mot("mot.txt")} == {-1}


def test_threshold_and_classes_choose_what_is_reported(video: Video, clip: Path) -> None:
    assert video(clip, "--threshold", 0.555, "--mot", "some.txt") == 0
    assert [row[0] for row in mot("some.txt")] == [7, 8, 9, 10, 11, 12]
    assert video(clip, "--classes", "circle", "--mot", "none.txt") == 0
    assert mot("none.txt") == []


def test_max_size_is_what_the_network_sees(video: Video, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = set()
    detect = FindsWhite.detect

    def spy(self: FindsWhite, frame, memory, max_size=None, threshold=0.0):  # type: ignore[no-untyped-def]
        sizes.add(max_size)
        return detect(self, frame, memory, max_size, threshold)

    monkeypatch.setattr(FindsWhite, "detect", spy)
    assert video(clip, "--max-size", 64) == 0
    assert sizes == {64}


def test_offline_remembers_frames_of_the_whole_video_first(video: Video, tmp_path: Path, capsys: Capture) -> None:
    clip = write_clip(tmp_path / "long.mp4", map(picture, range(30)))
    assert video(clip, "--mode", "offline", "--jsonl") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(records) == 30
    assert records[0]["objects"][0]["score"] == 0.64  # 14 frames are in memory


def test_a_folder_of_frames_in_the_order_of_their_numbers(video: Video, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(1, 13):
        cv2.imwrite(str(tmp_path / f"frames/{number}.png"), picture(number))
    assert video("frames", "--fps", 10, "-o", "found.mp4", "--jsonl") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["path"] for record in records] == [f"frames/{number}.png" for number in range(1, 13)]
    assert records[11]["time"] == 1.1 and records[11]["warnings"] == []
    assert [record["objects"][0]["box"][0] for record in records] == [4 + 3 * number for number in range(1, 13)]
    assert len(frames_in(Path("found.mp4"))) == 12


def test_a_detector_of_a_config(video: Video, clip: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(*arguments: object) -> FindsWhite:
        asked.append(tuple(map(str, arguments)))
        return FindsWhite()

    monkeypatch.setitem(sys.modules, "vision.engine.video", SimpleNamespace(load_video_detector=load))
    monkeypatch.setattr("vision.apis.video.inferencer._named", lambda *_: pytest.fail("the shipped model was loaded"))
    Path("mine.py").touch()
    assert video(clip, "--config", "mine.py", "--checkpoint", "mine.pth", "--device", "cpu") == 0
    assert asked == [("mine.py", "mine.pth", "cpu")]
    assert video(clip, "--config", "other.py", "--checkpoint", "mine.pth") == 2
    assert "--config 'other.py' is no file" in capsys.readouterr().err


def test_overwrite_replaces_what_is_there(video: Video, clip: Path) -> None:
    for name in ("found.mp4", "mot.txt", "run.state"):
        Path(name).write_text("of an earlier run")
    assert video(clip, "-o", "found.mp4", "--mot", "mot.txt", "--state", "run.state", "--overwrite") == 0
    assert len(frames_in(Path("found.mp4"))) == len(mot("mot.txt")) == 12
    assert Path("run.state").stat().st_size > 100


def test_a_clock_that_begins_anew_does_not_squeeze_the_video() -> None:
    # As recordings that were put together have it: 12 frames at 0 to 0.44 s, and 12 more at the same times.
    times = [*range(12), *range(12)]
    sink = SimpleNamespace(times=[], write=lambda image, time: sink.times.append(time))
    drawn = DrawnVideo(sink, 1 / 25)
    for number, time in enumerate(times):
        drawn.add(number, time / 25, picture(number), None, is_held=False)
    assert sink.times == pytest.approx([number / 25 for number in range(24)])


def test_times_that_jitter_stay_as_they_are() -> None:
    times = [0.0, 0.04, 0.03, 0.12, 0.16]
    sink = SimpleNamespace(times=[], write=lambda image, time: sink.times.append(time))
    drawn = DrawnVideo(sink, 1 / 25)
    for number, time in enumerate(times):
        drawn.add(number, time, picture(number), None, is_held=False)
    assert sink.times == pytest.approx(times)
