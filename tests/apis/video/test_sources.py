"""Where frames come from: files of many kinds, also damaged ones, cameras, and streams of this machine itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from vision.apis.video import VideoFrames, VideoSink
from vision.errors import UsageError

Serve = Callable[..., str]


def frame(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Gray, brighter from frame to frame, with a white top left corner."""
    image = np.full((height, width, 3), 20 + 8 * number, np.uint8)
    image[: height // 4, : width // 4] = 255
    return image


def encode(path: Path, codec: str = "mpeg4", count: int = 20, kind: str | None = None) -> Path:
    import av

    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(count):
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame(number), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def h264(path: Path, count: int = 20) -> Path:
    with VideoSink(path) as sink:
        for number in range(count):
            sink.write(frame(number))
    return path


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(UsageError) as caught:
        call()
    return caught.value.code


def brightness(images: list[np.ndarray]) -> list[float]:
    return [float(image[30:, 30:].mean()) for image in images]


@pytest.fixture(params=["av", "opencv"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether PyAV reads files, or OpenCV where it is not installed."""
    if request.param == "opencv":
        monkeypatch.setitem(sys.modules, "av", None)
    return request.param


FILES = [("a.mp4", "mpeg4"), ("a.avi", "mjpeg"), ("a.webm", "libvpx-vp9"), ("a.ts", "mpeg2video"), ("a.mkv", "ffv1")]


@pytest.mark.parametrize(("name", "codec"), FILES)
def test_files_of_many_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str) -> None:
    path = encode(tmp_path / name, codec)
    for is_there in (True, False):
        if not is_there:
            monkeypatch.setitem(sys.modules, "av", None)
        frames = VideoFrames(path)
        read = list(frames)
        assert [each.number for each in read] == list(range(20)) and frames.warnings == []
        assert [each.time for each in read] == pytest.approx([n / 25 for n in range(20)], abs=0.002)
        assert brightness([each.image for each in read]) == pytest.approx([20 + 8 * n for n in range(20)], abs=4)
        assert frames.size == (48, 64) and frames.fps == 25


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mjpeg"), ("a.webm", "libvpx-vp9"), ("a.mkv", "ffv1")])
def test_what_is_left_of_a_file_that_is_cut_off_is_read(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, codec)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    frames = VideoFrames(path)
    assert 3 <= len(list(frames)) < 20
    assert {warning.code for warning in frames.warnings} & {"frames-missing", "frames-skipped"}


def test_one_frame(tmp_path: Path, reader: str) -> None:
    frames = VideoFrames(_prepared(tmp_path, 1))
    (only,) = frames
    assert (only.number, only.time, only.image.shape, frames.warnings) == (0, 0.0, (48, 64, 3), [])


def test_a_codec_that_nobody_knows(tmp_path: Path, reader: str) -> None:
    path = _prepared(tmp_path, 3)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert code_of(lambda: list(VideoFrames(path))) == "unreadable-video"


def _prepared(folder: Path, count: int) -> Path:
    """A file, also where PyAV is hidden: it was written by a hand that had it."""
    hidden = sys.modules.get("av", 0) is None
    if hidden:
        del sys.modules["av"]
    path = h264(folder / "a.mp4", count)
    if hidden:
        sys.modules["av"] = None  # type: ignore[assignment]
    return path


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        # ISO 14496-12: x' = a x + c y, y' = b x + d y, with y down; a phone held upright writes the first.
        ((0, 1, -1, 0), (0, -1)),  # a quarter to the right: the corner is at the top right
        ((-1, 0, 0, -1), (-1, -1)),
        ((0, -1, 1, 0), (-1, 0)),
    ],
)
def test_frames_of_phones_are_upright(
    tmp_path: Path, reader: str, matrix: tuple[int, int, int, int], corner: tuple[int, int]
) -> None:
    path = _prepared(tmp_path, 2)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of other fields
    a, b, c, d = (value * 65536 for value in matrix)
    data[place : place + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(data)
    frames = VideoFrames(path)
    image = next(iter(frames)).image
    assert image.shape == ((64, 48, 3) if matrix[0] == 0 else (48, 64, 3))
    assert frames.size == image.shape[:2]
    corners = {(row, column): int(image[row, column, 0]) for row in (0, -1) for column in (0, -1)}
    assert max(corners, key=corners.__getitem__) == corner


class FakeCamera:
    """Gives five frames, then nothing more."""

    there = True

    def __init__(self, number: int) -> None:
        self.number, self.given, self.is_released = number, 0, False
        FakeCamera.last = self

    def isOpened(self) -> bool:
        return self.there

    def set(self, *_: Any) -> bool:
        return True

    def get(self, what: int) -> float:
        return 15.0 if what == cv2.CAP_PROP_FPS else 0.0

    def grab(self) -> bool:
        self.given += 1
        return self.given <= 5

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        image = frame(self.given)
        image[..., 0] = 9  # blue, as OpenCV has it
        return (False, None) if self.given == 3 else (True, image)

    def release(self) -> None:
        self.is_released = True


def test_a_camera_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    frames = VideoFrames(2)
    assert frames.is_live and frames.count is None
    read = list(frames)
    assert [each.number for each in read] == [0, 1, 3, 4] and FakeCamera.last.number == 2
    assert (read[0].image[..., 2] == 9).all() and frames.fps == 15 and frames.size == (48, 64)
    times = [each.time for each in read]
    assert times == sorted(times) and 0 <= times[0] < 60
    assert [warning.code for warning in frames.warnings] == ["frames-skipped", "source-gone"]
    assert frames.read == 4 and frames.skipped == 1 and FakeCamera.last.is_released
    assert code_of(lambda: frames.references()) == "conflicting-arguments"


def test_a_camera_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    monkeypatch.setattr(FakeCamera, "there", False)
    assert code_of(lambda: list(VideoFrames(7))) == "no-camera" and FakeCamera.last.is_released
    monkeypatch.setattr(FakeCamera, "there", True)
    monkeypatch.setattr(FakeCamera, "grab", lambda self: False)
    assert code_of(lambda: list(VideoFrames(0))) == "no-frames"
    assert code_of(lambda: VideoFrames(-1)) == "out-of-range"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serves bytes on this machine alone; gives their address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers: list[ThreadingHTTPServer] = []

    def start(data: bytes, kind: str = "video/mp4", length: int | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/live"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_file_behind_an_address(tmp_path: Path, serve: Serve) -> None:
    data = h264(tmp_path / "a.mp4").read_bytes()
    frames = VideoFrames(serve(data, length=len(data)))
    assert frames.is_live and [each.number for each in frames] == list(range(20)) and frames.size == (48, 64)


def test_a_stream_that_breaks_off(tmp_path: Path, serve: Serve) -> None:
    boundary = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"
    images = [cv2.imencode(".jpg", frame(number))[1].tobytes() for number in range(8)]
    data = b"".join(boundary % (len(image), image) for image in images)
    frames = VideoFrames(serve(data, "multipart/x-mixed-replace; boundary=frame"))
    images = [each.image for each in frames]
    assert len(images) >= 7 and brightness(images) == pytest.approx([20 + 8 * n for n in range(len(images))], abs=4)
    assert [warning.code for warning in frames.warnings] == ["source-gone"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "application/vnd.apple.mpegurl"),
        (b"<html>no video</html>", "text/html"),
        (b"", "video/mp4"),
    ],
)
def test_addresses_of_what_is_no_video(serve: Serve, data: bytes, kind: str) -> None:
    assert code_of(lambda: list(VideoFrames(serve(data, kind)))) == "bad-address"


def test_an_address_where_nobody_answers() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    assert code_of(lambda: list(VideoFrames(f"http://127.0.0.1:{port}/a"))) == "bad-address"
    assert code_of(lambda: list(VideoFrames(f"rtsp://127.0.0.1:{port}/a"))) == "bad-address"


def test_folders_go_by_the_numbers_in_names(tmp_path: Path) -> None:
    for number in (0, 2, 10, 1):
        cv2.imwrite(str(tmp_path / f"f{number}.png"), frame(number))
    (tmp_path / "f3.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("left alone")
    frames = VideoFrames(tmp_path, fps=5)
    read = list(frames)
    assert [Path(each.path or "").stem for each in read] == ["f0", "f1", "f2", "f10"]
    assert [each.number for each in read] == [0, 1, 2, 4] and read[3].time == 0.8 and frames.count == 5
    assert [(warning.code, warning.value) for warning in frames.warnings] == [("frames-skipped", 1)]
    assert "f3.png" in frames.warnings[0]


@pytest.mark.parametrize("name", ["a.jpg", "p%02d.jpg", "a.png", "a.webp", "a.bmp", "a.tif"])
def test_an_image_is_a_video_of_one_frame(tmp_path: Path, reader: str, name: str) -> None:
    (tmp_path / name).write_bytes(cv2.imencode(Path(name).suffix, frame(9))[1].tobytes())
    (only,) = VideoFrames(tmp_path / name)
    assert only.number == 0 and brightness([only.image]) == pytest.approx([92], abs=2)


def test_animations_of_which_one_frame_could_be_read(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(frame(number)) for number in range(3)]
    first.save(tmp_path / "a.webp", save_all=True, append_images=others)
    with pytest.raises(UsageError, match=r"a.webp' holds 3 frames as WEBP; expected an MP4, GIF or PNG of them"):
        VideoFrames(tmp_path / "a.webp")
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    assert len(list(VideoFrames(tmp_path / "a.gif"))) == 3
    (tmp_path / "bad.jpg").write_text("no image")
    assert code_of(lambda: VideoFrames(tmp_path / "bad.jpg")) == "not-an-image"


def test_frames_that_are_too_large(tmp_path: Path, reader: str) -> None:
    path = _prepared(tmp_path, 1)
    assert code_of(lambda: VideoFrames(path, max_pixels=64 * 48 - 1)) == "too-many-pixels"


def test_streams_need_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert code_of(lambda: VideoFrames("http://127.0.0.1:9/a")) == "missing-package"
