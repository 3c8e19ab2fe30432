"""tools/extract_frames.py: numbered images of a video, damaged frames told, nothing overwritten."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.apis.video import VideoSink

TOOL = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/extract_frames.py"))
Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    try:
        return int(TOOL["main"](list(map(str, arguments))))
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames, the gray of frame n is 20 n."""
    with VideoSink(tmp_path / "in.mp4") as sink:
        for number in range(10):
            sink.write(np.full((48, 64, 3), 20 * number, np.uint8))
    return tmp_path / "in.mp4"


def test_every_third_frame_keeps_its_number(video: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(video, tmp_path / "new/frames", "--every", "3") == 0
    assert "wrote" in (out := capsys.readouterr().out) and "4 images of 10 frames" in out
    files = sorted((tmp_path / "new/frames").iterdir())
    assert [file.name for file in files] == ["000000.jpg", "000003.jpg", "000006.jpg", "000009.jpg"]
    for file, gray in zip(files, (0, 60, 120, 180), strict=True):
        assert abs(np.asarray(Image.open(file)).mean() - gray) < 4
    assert not list((tmp_path / "new").glob(".*"))


def test_colors_stay_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (32, 32), (200, 100, 0)).save(tmp_path / "in/1.png")
    assert run(tmp_path / "in", tmp_path / "out", "--png") == 0
    assert Image.open(tmp_path / "out/000000.png").getpixel((5, 5)) == (200, 100, 0)


def test_damaged_frames_are_told_and_leave_a_gap(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.new("RGB", (32, 32)).save(tmp_path / f"in/{number}.png")
    (tmp_path / "in/1.png").write_bytes(b"no image")
    assert run(tmp_path / "in", tmp_path / "out") == 1
    assert [file.name for file in sorted((tmp_path / "out").iterdir())] == ["000000.jpg", "000002.jpg"]
    assert "1 frame could not be decoded" in capsys.readouterr().err


def test_a_folder_with_files_stays_as_it_is(video: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/000000.jpg").write_text("mine")
    assert run(video, tmp_path / "out") == 2
    assert "is no empty folder" in capsys.readouterr().err
    assert [file.read_text() for file in (tmp_path / "out").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("source", "message"), [("gone.mp4", "gone.mp4"), ("rtsp://127.0.0.1:1/a", "is a stream, which has no end")]
)
def test_what_is_no_video_file_is_named(tmp_path: Path, source: str, message: str, capsys: Capture) -> None:
    assert run(source, tmp_path / "out") == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()
