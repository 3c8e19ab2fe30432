"""Examples, drawn here when somebody asks for them but for one image that ships: nothing is fetched."""

from __future__ import annotations

import functools
import shutil
import threading
from pathlib import Path

import numpy as np
from PIL import Image

_SIZE = (288, 448)
_CLIP = (256, 416)
_CLIP_SEED = (18, 1)  # of many clips one with people near by
_FRAMES, _FPS = 24, 12.0
_lock = threading.Lock()


@functools.lru_cache(maxsize=2)
def stereo_pair(seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Two views of a drawn room, uint8 RGB."""
    from vision.datasets.stereo.synthetic import SyntheticStereo

    pairs = SyntheticStereo(_SIZE, 1, 60, seed, gray=0, sensor=0.5, layouts={"indoor": 1.0}, num_textures=60)
    return pairs[0]["left"], pairs[0]["right"]


def stereo_files(folder: Path) -> tuple[str, str]:
    """The pair as files."""
    with _lock:
        views = stereo_pair()
    paths = [folder / "example_left.png", folder / "example_right.png"]
    for path, view in zip(paths, views, strict=True):
        Image.fromarray(view).save(path)
    return str(paths[0]), str(paths[1])


def forgery_files(folder: Path) -> list[str]:
    """A generated image, a drawing, and a copy of that with the invisible watermark that a generator writes."""
    from vision.watermark import embed_watermark

    with _lock:
        view = stereo_pair()[0]
    names = ("example_generated.jpg", "example_drawing.png", "example_watermarked.png")
    paths = [folder / name for name in names]
    shutil.copyfile(Path(__file__).with_name(names[0]), paths[0])
    Image.fromarray(view).save(paths[1])
    Image.fromarray(embed_watermark(view, "FLUX")).save(paths[2])
    return [str(path) for path in paths]


def video_file(folder: Path) -> str:
    """A clip of drawn people who walk."""
    from vision.apis.video import VideoSink
    from vision.datasets.video.synthetic.maker import clip_maker

    path = folder / "example_people.mp4"
    with _lock, VideoSink(path, _FPS) as sink:
        clip = clip_maker(_CLIP, "people", degraded=0, objects=(3, 5), restless=0.2).make(_CLIP_SEED, _FRAMES)
        for number in range(_FRAMES):
            sink.write(clip.frame(number))
    return str(path)


def attention_file(folder: Path) -> str:
    """A view of a drawn room."""
    path = folder / "example_room.png"
    with _lock:
        Image.fromarray(stereo_pair()[0]).save(path)
    return str(path)
