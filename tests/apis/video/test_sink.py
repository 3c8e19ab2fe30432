"""Videos are written whole, or what was written plays, or nothing is left."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision.apis.video import VideoFrames, VideoSink
from vision.errors import UsageError

resource = pytest.importorskip("resource")


@pytest.fixture
def little_room() -> Iterator[None]:
    """Files of more than 30 kB cannot be written, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def test_a_disk_that_fills_up_while_writing(tmp_path: Path, little_room: None) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(OSError, match=r"a\.mp4") as caught, VideoSink(path) as sink:
        for number in range(200):
            sink.write(noise(number))
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []
    sink.close()  # once more does nothing


def test_a_disk_that_is_full_at_the_end(tmp_path: Path, little_room: None) -> None:
    (tmp_path / "a.mp4").write_bytes(b"what was there")
    with pytest.raises(OSError, match=r"a\.mp4"), VideoSink(tmp_path / "a.mp4") as sink:
        for number in range(10):  # less than a fragment: nothing is written before the end
            sink.write(noise(number))
    assert (tmp_path / "a.mp4").read_bytes() == b"what was there" and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_as_av_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    sink = VideoSink(tmp_path / "a.mp4")
    full = av.error.FFmpegError(errno.ENOSPC, "No space left on device")
    full = full if isinstance(full, OSError) else av.error.OSError(errno.ENOSPC, "No space left on device")

    class Full:
        def __init__(self, container: Any) -> None:
            self.container = container

        def add_stream(self, *arguments: Any, **options: Any) -> Any:
            return self.container.add_stream(*arguments, **options)

        def mux(self, packet: Any) -> None:
            raise full

        def close(self) -> None:
            raise full

    sink._container = Full(sink._container)
    with pytest.raises(OSError, match="No space left") as caught:
        for number in range(80):
            sink.write(noise(number))
    assert caught.value.errno == errno.ENOSPC and list(tmp_path.iterdir()) == []


def test_a_size_that_changes_is_fitted_into_the_first(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.mp4") as sink:
        for height, width in ((48, 64), (96, 64), (24, 32), (47, 63)):
            sink.write(np.full((height, width, 3), 200, np.uint8))
    whole, tall, small, odd = (frame.image for frame in VideoFrames(tmp_path / "a.mp4"))
    assert {image.shape for image in (whole, tall, small, odd)} == {(48, 64, 3)}
    # 96 x 64 becomes 48 x 32 between black; half the size becomes the whole; a pixel that lacks is repeated.
    assert tall[24, 32].min() > 190 and tall[24, :12].max() < 30 and tall[24, 52:].max() < 30
    assert small.min() > 190 and odd.min() > 190


def test_times_are_kept_and_grow(tmp_path: Path) -> None:
    times = (0.0, 0.04, 0.5, 0.5, 0.2, 1.0)
    with VideoSink(tmp_path / "a.mp4") as sink:
        for number, time in enumerate(times):
            sink.write(noise(number), time)
    read = [frame.time for frame in VideoFrames(tmp_path / "a.mp4")]
    assert read == pytest.approx([0.0, 0.04, 0.5, 0.5, 0.5, 1.0], abs=1e-3) and read == sorted(set(read))


def test_what_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def code_of(*arguments: Any) -> str:
        with pytest.raises(UsageError) as caught:
            VideoSink(*arguments)
        return caught.value.code

    assert code_of(tmp_path / "a.avi") == "bad-video-name" and code_of(tmp_path / "a.mp4", 0) == "out-of-range"
    with pytest.raises(OSError, match="folder"):
        (tmp_path / "folder.mp4").mkdir()
        VideoSink(tmp_path / "folder.mp4")
    with VideoSink(tmp_path / "none.mp4"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]
    import av

    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    assert code_of(tmp_path / "a.mp4") == "no-encoder"
    monkeypatch.setitem(sys.modules, "av", None)
    assert code_of(tmp_path / "a.mp4") == "missing-package"


def test_players_are_told_the_colors(tmp_path: Path) -> None:
    import av

    with VideoSink(tmp_path / "a.mp4") as sink:
        sink.write(np.full((720, 1280, 3), (200, 30, 40), np.uint8))
    with av.open(str(tmp_path / "a.mp4")) as container:
        (frame,) = container.decode(video=0)
    assert (int(frame.colorspace), int(frame.color_range), int(frame.color_primaries)) == (6, 1, 1)
    # BT.601 by hand: Y = 16 + 219 (0.299 R + 0.587 G + 0.114 B) / 255, Cb and Cr = 128 + 224 of what is left.
    luma, blue, red = (float(plane.mean()) for plane in np.split(frame.to_ndarray(), [720, 900]))
    assert (luma, blue, red) == pytest.approx((86.4, 107.2, 202.0), abs=1)
