"""A server whose models are stubs: what they are given and when they answer is up to the test."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from vision.errors import notice_of
from vision.images import ImageError, read_image
from vision.serve.http import create_app
from vision.serve.services import Services
from vision.serve.settings import Settings
from vision.structures.forgery import ForgeryResult
from vision.structures.heatmap import HeatMap
from vision.structures.stereo import StereoResult
from vision.structures.video import VideoResult

TOKEN = "a-token-of-some-length"
ADDRESS = "http://127.0.0.1:7860"


class StubVideo:
    """Finds nothing in frames."""

    classes = ("person",)

    def __init__(self, stub: StubServices) -> None:
        self.stub = stub

    def process(self, frame: Any) -> VideoResult:
        self.stub.frame_begun.set()
        assert self.stub.go.wait(20) and self.stub.frame_go.wait(20)
        self.stub.seen.append(f"frame {frame.number}")
        return VideoResult(frame.path or f"frame {frame.number}", frame.number, size=frame.image.shape[:2])


class StubServices(Services):
    """Reads images as the models do, and answers when `go` is set."""

    def __init__(self, settings: Settings) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.frame_go, self.frame_begun = threading.Event(), threading.Event()
        self.go.set()
        self.frame_go.set()
        self.seen: list[str] = []
        super().__init__(settings)

    def warm(self) -> None:
        self.is_ready = True

    def forgery(self, images: Sequence[Any]) -> list[ForgeryResult]:
        self.begun.set()
        assert self.go.wait(20)
        return [self._judge(str(path)) for path in images]

    def stereo(self, left: Any, right: Any, **options: Any) -> StereoResult:
        result = StereoResult(str(left), str(right))
        try:
            sizes = {read_image(path, self.settings.max_pixels).shape for path in (left, right)}
        except ImageError as error:
            result.error = notice_of(error, error.reason)
        else:
            result.disparity = np.full(sizes.pop()[:2], 3.0, np.float32)
        return result

    def video(self, fps: float = 25.0) -> Any:
        return StubVideo(self)

    def _judge(self, path: str) -> ForgeryResult:
        self.seen.append(path)
        result = ForgeryResult(path, notes=[f"read from {path}"])
        try:
            image = read_image(path, self.settings.max_pixels)
        except ImageError as error:
            result.error = notice_of(error, error.reason)
        else:
            result.probability = float(image.mean()) / 255
            height, width = image.shape[:2]
            center = np.array([height / 2]), np.array([width / 2])
            tiles = np.full((1, 1), result.probability, np.float32)
            result.heatmap = HeatMap(tiles, *center, height, width, 32, image)
        return result


@pytest.fixture
def served() -> Iterator[Callable[..., tuple[TestClient, StubServices]]]:
    """A function that makes a client and its services, by the fields of the settings."""
    made: list[tuple[TestClient, StubServices]] = []

    def make(**fields: Any) -> tuple[TestClient, StubServices]:
        settings = Settings(**fields)
        services = StubServices(settings)
        client = TestClient(create_app(settings, services), base_url=ADDRESS, raise_server_exceptions=False)
        client.__enter__()
        made.append((client, services))
        return client, services

    yield make
    for client, services in made:
        services.go.set()
        services.frame_go.set()
        client.__exit__(None, None, None)


@pytest.fixture
def client(served: Callable[..., tuple[TestClient, StubServices]]) -> TestClient:
    return served()[0]


def png(gray: int = 128, size: tuple[int, int] = (40, 30)) -> bytes:
    """An image file of one gray."""
    file = io.BytesIO()
    Image.new("RGB", size, (gray,) * 3).save(file, "PNG")
    return file.getvalue()


def clip(path: Path, frames: int = 3) -> bytes:
    """A video file."""
    images = [Image.new("RGB", (64, 48), (40 * k,) * 3) for k in range(frames)]
    images[0].save(path, "GIF", save_all=True, append_images=images[1:], duration=40)
    return path.read_bytes()
