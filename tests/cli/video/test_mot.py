"""The columns of MOTChallenge, and lines that are complete however the run ends."""

from __future__ import annotations

import errno
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision.cli.video.mot import MotFile
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
        "1,7,10.50,20.00,20.00,40.00,0.75000,-1,-1,-1\n"
        "1,-1,1.00,2.00,2.00,2.00,0.50000,-1,-1,-1\n"
        "5,7,10.50,20.00,20.00,40.00,0.75000,-1,-1,-1\n"
    )


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
    assert path.read_text() == "1,7,10.50,20.00,20.00,40.00,0.75000,-1,-1,-1\n"
