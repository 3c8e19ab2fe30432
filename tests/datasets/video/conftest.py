"""Small videos on disk, and a data set of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vision.datasets.video.base import VideoDataset
from vision.datasets.video.records import Problems, Record, frame_record, instance_record, video_record

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def write_frame() -> Callable[[Path, int], str]:
    """A function that writes a frame in which every pixel has the value `shade`, and returns its path."""

    def write(path: Path, shade: int) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), shade, np.uint8))
        return str(path)

    return write


class Listed(VideoDataset):
    """Videos that are given as they are."""

    def __init__(self, videos: list[Record], classes: tuple[str, ...] = ("cat",), **arguments: Any) -> None:
        self.given, self.names = videos, classes
        super().__init__(**arguments)

    def load_videos(self, classes: tuple[str, ...] | None, problems: Problems) -> tuple[list[Record], tuple[str, ...]]:
        """What was given."""
        return self.given, self.names


@pytest.fixture
def make_videos(tmp_path: Path, write_frame: Callable[[Path, int], str]) -> Callable[..., list[Record]]:
    """A function that makes videos of some lengths; frame f of video v has shade 10 * v + f and one box from (f, v)."""

    def make(*lengths: int, folder: str = "frames") -> list[Record]:
        videos = []
        for video, length in enumerate(lengths):
            frames = [
                frame_record(
                    place,
                    write_frame(tmp_path / folder / str(video) / f"{place}.png", 10 * video + place),
                    (HEIGHT, WIDTH),
                    [instance_record((place, video, place + 20, video + 20), 0, 0)],
                )
                for place in range(length)
            ]
            videos.append(video_record(video, f"clip{video}", frames))
        return videos

    return make


@pytest.fixture
def listed() -> type[Listed]:
    """The data set of videos that are given as they are."""
    return Listed
