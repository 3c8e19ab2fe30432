"""Which frames of a file are lost, and when a file is called cut off."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from vision.apis.video.frames import VideoFrames


def write_clip(path: Path, times: list[int]) -> Path:
    """One gray frame at each of these times, in 25ths of a second; each third can be decoded by itself."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 3, 0
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), time % 200, np.uint8), format="rgb24")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("lost", [4, 10, 11])
def test_a_damaged_packet_costs_its_frame_alone(lost: int, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", list(range(12)))
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][lost]
        place, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[place : place + size] = b"\xff" * size
    path.write_bytes(data)
    frames = VideoFrames(path)
    assert [frame.number for frame in frames] == [*range(lost), *range(lost + 1, 12)]
    assert frames.skipped == 1


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", "mp4"), ("libx264", "mkv"), ("mjpeg", "avi"), ("mpeg4", "mp4")]
)
def test_a_frame_that_is_damaged_inside_is_not_patched_up(codec: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{suffix}"
    scenes = np.random.default_rng(0).integers(0, 256, (12, 12, 20, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 320, 192
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 4, 0
        for scene in scenes:
            image = scene.repeat(16, 0).repeat(16, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    assert [frame.number for frame in VideoFrames(path)] == list(range(12))
    with av.open(str(path)) as container:  # the last of its group: none leans on it
        packet = [packet for packet in container.demux(video=0) if packet.size][7]
        place = packet.pos + packet.size // 3
    data = bytearray(path.read_bytes())
    data[place : place + 60] = b"\xff\x00\xaa" * 20
    path.write_bytes(data)
    frames = VideoFrames(path)
    assert [frame.number for frame in frames] == [*range(7), *range(8, 12)]
    assert [(warning.code, warning.value) for warning in frames.warnings] == [("frames-skipped", 1)]


def test_a_rate_that_varies_is_no_missing_frame(tmp_path: Path) -> None:
    times = [*range(20), *range(20, 100, 4)]  # 25 per second, then 6.25; Matroska names its length in seconds alone
    frames = VideoFrames(write_clip(tmp_path / "clip.mkv", times))
    assert sum(1 for _ in frames) == 40 and not frames.warnings
    assert [frame.number for frame in frames.references(5)] == [0, 10, 20, 29, 39]


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", list(range(100)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = VideoFrames(path)
    assert 10 < sum(1 for _ in frames) < 90
    assert [warning.code for warning in frames.warnings] == ["frames-missing"]
