"""Frames of a video in, results with tracks out: paused, resumed, and with what goes wrong on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vision.apis import VideoInferencer
from vision.apis.video import VideoFrame, VideoFrames, VideoSink
from vision.errors import UsageError
from vision.structures.video import Detections
from vision.visualization import contact_sheet, draw_frame


class Squares:
    """Finds what is bright; sees nothing of the past."""

    def __init__(self, classes: tuple[str, ...] = ("square", "dot")) -> None:
        self.classes = classes

    def new_memory(self, seed: int = 0) -> None:
        return None

    def detect(self, frame: np.ndarray, memory: Any, max_size: int | None = None, threshold: float = 0.0) -> Detections:
        rows, columns = np.nonzero(frame[..., 0] > 200)
        if not len(rows):
            return Detections.none()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Detections(np.array([box], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))


def clip(count: int) -> Iterator[np.ndarray]:
    for number in range(count):
        frame = np.full((48, 64, 3), 20, np.uint8)
        frame[10:26, 5 + number : 21 + number] = 255
        yield frame


def video(**options: Any) -> VideoInferencer:
    return VideoInferencer(network=Squares(), device="cpu", **options)


def test_what_is_no_frame() -> None:
    seen = video(track=False)
    seen.process(next(clip(1)))
    for call in (seen.process, lambda what: list(seen.stream(iter([what])))):
        with pytest.raises(
            TypeError, match=r"(frame 1|image 0) is a NoneType; expected a path, a uint8 RGB array or a VideoFrame"
        ):
            call(None)


def test_boxes_are_in_pixels_and_a_thing_keeps_its_number() -> None:
    results = video()(clip(6))
    assert [result.boxes.tolist() for result in results] == [[[5.0 + n, 10.0, 21.0 + n, 26.0]] for n in range(6)]
    assert [result.track_ids.tolist() for result in results] == [[-1], [0], [0], [0], [0], [0]]
    assert results[2].to_dict()["objects"] == [
        {"box": [7.0, 10.0, 23.0, 26.0], "score": 0.9, "label": "square", "track": 0}
    ]


def test_a_video_goes_on_from_its_state_as_if_never_stopped() -> None:
    frames = list(clip(10))
    whole = [result.to_dict() | {"seconds": 0} for result in video()(frames)]
    for stop in (1, 2, 6):
        first = video()
        first(frames[:stop])
        file = io.BytesIO()
        torch.save(first.state(), file)
        file.seek(0)
        second = video()
        second.load_state(torch.load(file, weights_only=True))
        assert [result.to_dict() | {"seconds": 0} for result in second(frames[stop:])] == whole[stop:]


def test_states_of_others_are_refused_by_name() -> None:
    state = video().state()
    with pytest.raises(UsageError, match="its classes are square, dot; expected person") as caught:
        VideoInferencer(network=Squares(("person",)), device="cpu").load_state(state)
    assert caught.value.code == "bad-state"
    for change in ({"model": "other"}, {"version": 0}, {"digest": "0"}, {"order": {}}, {"tracks": {"size": 3}}):
        with pytest.raises(UsageError) as caught:
            video().load_state({**state, **change})
        assert caught.value.code == "bad-state"


def test_a_frame_that_cannot_be_used_does_not_end_the_video(tmp_path: Path) -> None:
    frames = list(clip(4))
    results = video()([frames[0], frames[1].astype(float), tmp_path / "gone.png", frames[3]])
    assert [getattr(result.error, "code", None) for result in results] == [None, "bad-array", "unreadable-file", None]
    assert [len(result) for result in results] == [1, 0, 0, 1] and [result.frame for result in results] == [0, 1, 2, 3]


def test_sizes_and_orders_that_change_are_told_once() -> None:
    frame = next(clip(1))
    frames = [VideoFrame(n, n / 25, frame) for n in (0, 1, 1, 0, 2)] + [VideoFrame(3, 1.0, np.tile(frame, (2, 2, 1)))]
    codes = [[warning.code for warning in result.warnings] for result in video()(frames)]
    assert codes == [[], [], ["frame-twice"], ["frames-out-of-order"], [], ["size-changed"]]


def test_arguments_that_do_not_fit() -> None:
    for options, code in (
        ({"classes": ["cat"]}, "unknown-class"),
        ({"threshold": 2}, "out-of-range"),
        ({"mode": "online"}, "out-of-range"),
        ({"mode": "offline"}, "conflicting-arguments"),
    ):
        with pytest.raises(UsageError) as caught:
            video(**options)
        assert caught.value.code == code
    assert len(video(classes=["dot"])(clip(1))[0]) == 0


def write(path: Path, count: int = 20) -> Path:
    with VideoSink(path, 10) as sink:
        for frame in clip(count):
            sink.write(frame[:47])  # an odd side
    return path


def test_what_is_written_is_h264_and_read_back(tmp_path: Path) -> None:
    import av

    path = write(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    frames = VideoFrames(path)
    read = list(frames)
    assert (frames.count, frames.fps, frames.size, frames.warnings) == (20, 10.0, (48, 64), [])
    assert [frame.time for frame in read] == pytest.approx([n / 10 for n in range(20)])
    wrong = np.abs(read[7].image[:47].astype(int) - list(clip(8))[7][:47])
    assert wrong.mean() < 4
    assert [frame.number for frame in VideoFrames(path, every=8)] == [0, 8, 16]
    assert [frame.number for frame in frames.references(3)] == [0, 10, 19]


def test_a_file_that_is_interrupted_plays(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), VideoSink(tmp_path / "a.mp4") as sink:
        for frame in clip(5):
            sink.write(frame)
        raise KeyboardInterrupt
    assert len(list(VideoFrames(tmp_path / "a.mp4"))) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_damaged_frame_is_skipped_and_counted(tmp_path: Path) -> None:
    import av

    path = write(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        place = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][9]
    data = bytearray(path.read_bytes())
    data[place[0] : sum(place)] = bytes(place[1])
    path.write_bytes(data)
    frames = VideoFrames(path)
    assert len(list(frames)) == 19 and frames.skipped == 1
    assert [(warning.code, warning.value) for warning in frames.warnings] == [("frames-skipped", 1)]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("empty.mp4", b"", "unreadable-video"),
        ("list.mp4", b"#EXTM3U\n", "unreadable-video"),
        ("cut.mp4", b"\0\0\0\x18ftypisom", "unreadable-video"),
    ],
)
def test_files_that_are_no_video(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError) as caught:
        VideoFrames(tmp_path / name)
    assert caught.value.code == code


def test_sources_that_cannot_be(tmp_path: Path) -> None:
    for source, code in ((tmp_path, "no-frames"), ("ftp://host/a.mp4", "bad-address")):
        with pytest.raises(UsageError) as caught:
            VideoFrames(source)
        assert caught.value.code == code
    with pytest.raises(OSError, match="gone"):
        VideoSink(tmp_path / "gone" / "a.mp4")


def test_boxes_are_drawn() -> None:
    (frame,) = clip(1)
    (result,) = video()([frame])
    drawn = draw_frame(frame, result)
    assert (drawn[25, 5:21] != frame[25, 5:21]).any() and (frame[25, 5:21] == 255).all()
    assert contact_sheet([drawn] * 5, columns=4, width=64).size == (4 * 72 + 8, 2 * 56 + 8)
