"""The columns of MOTChallenge, and lines that are complete however the run ends."""

from __future__ import annotations

import errno
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision.cli.video.mot import MotFile
from vision.datasets.video.mot_folders import read_mot_sequence
from vision.metrics.video.detections import read_detections
from vision.structures.video import VideoResult


def result(frame: int, count: int = 2) -> VideoResult:
    boxes = np.float32([[10.5, 20, 30.5, 60], [1, 2, 3, 4]])[:count]
    tracks = np.array([7, -1])[:count]
    return VideoResult("x", frame, None, (96, 128), boxes, np.float32([0.75, 0.5])[:count], tracks * 0, tracks)


def test_columns(tmp_path: Path) -> None:
    with MotFile(str(tmp_path / "mot.txt"), overwrite=False) as file:
        file.write(result(0))
        file.write(result(1, 0))
        file.write(result(4, 1))
    assert (tmp_path / "mot.txt").read_text() == (
        "1,7,11.50,21.00,20.00,40.00,0.75000,-1,-1,-1\n"
        "1,-1,2.00,3.00,2.00,2.00,0.50000,-1,-1,-1\n"
        "5,7,11.50,21.00,20.00,40.00,0.75000,-1,-1,-1\n"
    )


def test_a_data_set_of_mot_reads_the_same_boxes(tmp_path: Path) -> None:
    (tmp_path / "clip/img1").mkdir(parents=True)
    (tmp_path / "clip/gt").mkdir()
    for number in (1, 2):
        Image.new("RGB", (128, 96)).save(tmp_path / f"clip/img1/{number:06d}.png")
    with MotFile(str(tmp_path / "clip/gt/gt.txt"), overwrite=False) as file:
        file.write(result(1))
    first, second = read_mot_sequence(tmp_path / "clip")["images"]
    assert first["instances"] == []
    assert [one["bbox"] for one in second["instances"]] == [[10.5, 20, 30.5, 60], [1, 2, 3, 4]]


def test_detections_are_judged_by_the_same_boxes(tmp_path: Path) -> None:
    with MotFile(str(tmp_path / "mot.txt"), overwrite=False) as file:
        file.write(result(1))
    [(place, found)] = read_detections(tmp_path / "mot.txt", ["person"]).items()
    assert place == 1 and found.boxes.tolist() == [[10.5, 20, 30.5, 60], [1, 2, 3, 4]]


def test_lines_are_there_at_once_and_nothing_before_the_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "mot.txt"
    path.write_text("of an earlier run")
    with MotFile(str(path), overwrite=True) as file:
        assert path.read_text() == "of an earlier run"
        file.write(result(0, 1))
        assert path.read_text().count("\n") == 1
    with pytest.raises(FileExistsError), MotFile(str(path), overwrite=False) as file:
        file.write(result(0))
    assert path.read_text().count("\n") == 1


def test_of_a_full_disk_no_half_line_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = 60  # bytes

    class Small(FileIO):
        def write(self, data: Any) -> int:
            nonlocal left
            if not left:
                raise OSError(errno.ENOSPC, "No space left on device")
            part = bytes(data)[:left]
            left -= len(part)
            return super().write(part)

    monkeypatch.setattr("vision.cli.video.mot.FileIO", Small)
    path = tmp_path / "mot.txt"
    with pytest.raises(OSError, match="No space left") as caught, MotFile(str(path), overwrite=False) as file:
        file.write(result(0, 1))
        file.write(result(1, 1))
    assert caught.value.filename == str(path)
    assert path.read_text() == "1,7,11.50,21.00,20.00,40.00,0.75000,-1,-1,-1\n"
