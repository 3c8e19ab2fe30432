"""What the tests of `vision video` share: a detector that finds a white square, and clips in which one moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pytest

from vision.cli.main import main
from vision.structures.video import Detections

Video = Callable[..., int]
SIZE = (96, 128)
SIDE = 20


class Counter:
    """A memory that counts frames."""

    def __init__(self) -> None:
        self.seen = 0

    def reset(self) -> None:
        self.seen = 0

    def state_dict(self) -> dict[str, int]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.seen = int(state["seen"])


class FindsWhite:
    """Finds what is white, with a score that tells how many frames the memory has seen."""

    classes = ("square", "circle")

    def new_memory(self, seed: int = 0) -> Counter:
        return Counter()

    def detect(
        self, frame: np.ndarray, memory: Counter, max_size: int | None = None, threshold: float = 0.0
    ) -> Detections:
        score = 0.5 + memory.seen % 40 / 100
        memory.seen += 1
        rows, columns = np.nonzero(frame.min(-1) > 200)
        if not len(rows) or score < threshold:
            return Detections.none()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Detections(np.float32([box]), np.float32([score]), np.zeros(1, np.int64))


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A white square on gray, uint8 RGB; 3 pixels farther to the right in each frame."""
    image = np.full((*size, 3), 80, np.uint8)
    left = 4 + 3 * number % (size[1] - SIDE - 8)
    image[30 : 30 + SIDE, left : left + SIDE] = 255
    return image


def write_clip(path: Path, images: Iterable[np.ndarray], gop: int = 5, options: dict[str, str] | None = None) -> Path:
    """An H.264 file of these frames, 25 per second; one in `gop` can be decoded by itself."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = None
        for image in images:
            if stream is None:
                stream = container.add_stream("libx264", rate=25)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.gop_size = gop
                stream.codec_context.max_b_frames = 0
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        assert stream is not None
        container.mux(stream.encode())
    return path


def frames_in(path: Path) -> list[np.ndarray]:
    """All frames of a video, uint8 RGB."""
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Video:
    """A function that runs `vision video ARGUMENTS` in tmp_path, with a detector of white squares."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vision.apis.video.inferencer._named", lambda model, checkpoint: FindsWhite())
    return lambda *arguments: main(["video", *map(str, arguments)])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """12 frames of a square that moves."""
    return write_clip(tmp_path / "clip.mp4", map(picture, range(12)))
