"""Videos with something wrong: what can be read is done, what cannot is told, and the exit code says so."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.cli.video.conftest import frames_in, picture, write_clip

ROOT = Path(__file__).resolve().parents[3]
Capture = pytest.CaptureFixture[str]
Video = Callable[..., int]


def damage(path: Path, numbers: set[int]) -> None:
    """Overwrite these packets of a video."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in numbers:
        place, size = places[number]
        data[place : place + size] = b"\xff" * size
    path.write_bytes(data)


@pytest.mark.parametrize("numbers", [{6}, {0}, {10, 11}], ids=["middle", "first", "last"])
@pytest.mark.parametrize("every", [1, 3])
def test_frames_that_are_damaged(video: Video, tmp_path: Path, numbers: set[int], every: int, capsys: Capture) -> None:
    # Each frame is encoded by itself, so that a damaged one costs no other.
    clip = write_clip(tmp_path / "clip.mp4", map(picture, range(12)), gop=1)
    damage(clip, numbers)
    assert video(clip, "-o", "found.mp4", "--jsonl", "--every", every) == 1
    out, err = capsys.readouterr()
    records = {record["frame"]: record for record in map(json.loads, out.splitlines())}
    assert {number for number, record in records.items() if record["error"] is not None} == numbers
    assert all(f"frame {number}: the frame cannot be decoded" in err for number in numbers)
    assert f"; {len(numbers)} could not be read; found.mp4" in err
    assert len(frames_in(Path("found.mp4"))) == 12
    for number, record in records.items():
        if number not in numbers:
            assert abs(record["objects"][0]["box"][0] - (4 + 3 * number)) <= 2


def test_a_file_that_is_cut_off(video: Video, tmp_path: Path, capsys: Capture) -> None:
    clip = write_clip(tmp_path / "clip.mp4", map(picture, range(12)), options={"movflags": "faststart"})
    with av.open(str(clip)) as container:
        end = [packet.pos for packet in container.demux(video=0) if packet.size][6]
    clip.write_bytes(clip.read_bytes()[:end])
    assert video(clip, "--jsonl") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 6
    assert "6 of 12 frames could be read; is the file cut off?" in err


def test_no_frame_can_be_read(video: Video, clip: Path, tmp_path: Path, capsys: Capture) -> None:
    damage(clip, set(range(12)))
    assert video(clip, "-o", "found.mp4", "--mot", "mot.txt", "--state", "run.state") == 2
    expected = "gives no frame that can be used; 12 frames could not be decoded and left out, the first was frame 0 ("
    assert expected in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert video("empty", "-o", "found.mp4") == 2
    assert "no images in folder 'empty'; expected one per frame" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["clip.mp4", "empty"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "'bad.mp4'"),
        (b"no video at all", "'bad.mp4'"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/secret.mp4\n", "'bad.mp4'"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "'bad.mp4'"),
        (None, "'bad.mp4'"),
    ],
    ids=["empty", "text", "playlist", "concat", "missing"],
)
def test_what_is_no_video(video: Video, tmp_path: Path, content: bytes | None, reason: str, capsys: Capture) -> None:
    if content is not None:
        (tmp_path / "bad.mp4").write_bytes(content)
    assert video("bad.mp4", "-o", "found.mp4") == 2
    err = capsys.readouterr().err
    assert reason in err and err.count("\n") == 1 and not Path("found.mp4").exists()


def test_a_codec_that_nobody_knows(video: Video, clip: Path, capsys: Capture) -> None:
    clip.write_bytes(clip.read_bytes().replace(b"avc1", b"zq7x").replace(b"avcC", b"zq7C"))
    assert video(clip) == 2
    assert "codec" in capsys.readouterr().err


def test_one_frame(video: Video, tmp_path: Path, capsys: Capture) -> None:
    write_clip(tmp_path / "one.mp4", [picture(0)])
    assert video("one.mp4", "-o", "found.mp4", "--mode", "offline") == 0
    assert len(frames_in(Path("found.mp4"))) == 1
    assert "1 frame, " in capsys.readouterr().err


def test_frames_of_another_size(video: Video, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(6):
        image = picture(number, (96, 128) if number < 3 else (200, 150))
        cv2.imwrite(str(tmp_path / f"frames/{number}.png"), image)
    assert video("frames", "-o", "found.mp4", "--jsonl", "--every", 2) == 0
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["width"], record["height"]) for record in records] == [(128, 96), (128, 96), (150, 200)]
    assert err.count("frames of 128 x 96 pixels become 150 x 200") == 1
    assert [frame.shape for frame in frames_in(Path("found.mp4"))] == [(96, 128, 3)] * 6


def test_a_rate_that_changes(video: Video, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=50)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 50)
        stream.codec_context.max_b_frames = 0
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = (number if number < 15 else 15 + 5 * (number - 15)), Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert video(path, "-o", "found.mp4") == 0
    assert "frames came 50 times a second, and come 10 times now" in capsys.readouterr().err
    assert len(frames_in(Path("found.mp4"))) == 30


def test_numbers_of_frames_that_come_twice_or_in_another_order(video: Video, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "frames").mkdir()
    for name in ("10", "9", "2", "02", "1"):
        cv2.imwrite(str(tmp_path / f"frames/{name}.png"), picture(int(name)))
    assert video("frames", "--jsonl") == 0
    out, err = capsys.readouterr()
    names = [Path(json.loads(line)["path"]).stem for line in out.splitlines()]
    assert [int(name) for name in names] == [1, 2, 2, 9, 10]
    assert "frames: 1 file has the number of another one, the first is" in err


class FakeCamera:
    """Gives five frames, then is gone."""

    there = True

    def __init__(self, number: int) -> None:
        self.left = 5

    def isOpened(self) -> bool:
        return self.there

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, picture(5 - self.left)

    def get(self, what: int) -> float:
        return 30.0

    def set(self, what: int, value: float) -> bool:
        return True

    def release(self) -> None:
        pass


def test_a_camera_that_is_gone(video: Video, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("vision.apis.video.frames.cv2.VideoCapture", FakeCamera)
    assert video(0, "-o", "found.mp4", "--jsonl", "--state", "run.state") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(frames_in(Path("found.mp4"))) == 5
    assert "camera 0 gives no more frames after 5" in err and Path("run.state").is_file()
    monkeypatch.setattr(FakeCamera, "there", False)
    assert video(3) == 2
    assert "camera 3 cannot be opened" in capsys.readouterr().err


def test_a_stream_that_nobody_sends(video: Video, capsys: Capture) -> None:
    assert video("http://127.0.0.1:9/live") == 2
    assert "stream 'http://127.0.0.1:9/live' cannot be opened" in capsys.readouterr().err
    assert video("file:///etc/passwd") == 2
    assert "has the scheme 'file'; expected one of rtsp" in capsys.readouterr().err


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk on which no file grows beyond a size."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_full(video: Video, tmp_path: Path, capsys: Capture) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 96, 128, 3), np.uint8)
    clip = write_clip(tmp_path / "noise.mp4", noise)
    with files_of_at_most(20_000):
        assert video(clip, "-o", "found.mp4") == 2
    err = capsys.readouterr().err
    assert "cannot read or write 'found.mp4' (" in err
    assert "; found.mp4" not in err and "looked at" not in err  # as if there were one
    write_clip(tmp_path / "clip.mp4", map(picture, range(12)))
    with files_of_at_most(120):
        assert video("clip.mp4", "--mot", "mot.txt") == 2
    assert "cannot read or write 'mot.txt' (" in capsys.readouterr().err
    lines = Path("mot.txt").read_text()
    assert lines.endswith("-1\n") and lines.count("\n") == 2
    assert sorted(os.listdir()) == ["clip.mp4", "mot.txt", "noise.mp4"]


def test_what_runs_without_the_extra(
    video: Video, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name in ("supervision", "trackers", "av"):
        monkeypatch.setitem(sys.modules, name, None)
    assert video(clip, "--mot", "mot.txt") == 2
    err = capsys.readouterr().err
    assert "pip install 'neighborhood-vision[video]'" in err and "the option is --no-track" in err
    assert video(clip, "--no-track", "-o", "found.mp4") == 2
    assert "pip install 'neighborhood-vision[video]'" in capsys.readouterr().err
    assert video(clip, "--no-track", "--mot", "mot.txt") == 0
    assert len(Path("mot.txt").read_text().splitlines()) == 12 and not Path("found.mp4").exists()


def test_a_class_that_the_model_does_not_know(video: Video, clip: Path, capsys: Capture) -> None:
    assert video(clip, "--classes", "square,bear") == 2
    assert "the model knows no class 'bear'; expected some of square, circle" in capsys.readouterr().err


def test_weights_of_another_model(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    from vision.cli.main import main

    monkeypatch.chdir(tmp_path)
    other = ROOT / "vision/weights/dual_frequency_demo.safetensors"
    assert main(["video", str(clip), "--checkpoint", str(other), "-o", "found.mp4"]) == 2
    err = capsys.readouterr().err
    assert "dual_frequency_demo.safetensors" in err and err.count("\n") == 1
    assert main(["video", str(clip), "--model", "match_stereo_nano"]) == 2
    assert "unknown video model 'match_stereo_nano'; available: mamba_people_nano" in capsys.readouterr().err
    assert main(["video", str(clip), "--model", ""]) == 2
    assert "unknown video model ''" in capsys.readouterr().err
