"""Images and trees for the data set tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """A function that makes a smooth, textured uint8 RGB image `[height, width, 3]`."""

    def make(height: int = 64, width: int = 64, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:height, :width][..., None]
        waves = np.sin(y * rng.uniform(0.05, 0.3, 3) + x * rng.uniform(0.05, 0.3, 3))
        return (127 + 90 * waves + rng.normal(0, 8, (height, width, 3))).clip(0, 255).astype(np.uint8)

    return make


@pytest.fixture
def mixed_tree(tmp_path: Path, picture: Callable[..., np.ndarray]) -> Path:
    """One source of images of many sizes, formats and modes, in both classes."""
    root = tmp_path / "mixed"
    for label in ("0_real", "1_fake"):
        folder = root / "one" / label
        folder.mkdir(parents=True)
        Image.fromarray(picture(100, 80)).save(folder / "large.png")
        Image.fromarray(picture(48, 48)).save(folder / "exact.jpg", quality=90)
        Image.fromarray(picture(40, 30)).save(folder / "reflected.webp")
        Image.fromarray(picture(9, 200)).save(folder / "tiled.bmp")
        Image.fromarray(picture(60, 50)[..., 0]).save(folder / "gray.tif")
        Image.fromarray(np.dstack([picture(50, 60), picture(50, 60)[..., :1]])).save(folder / "alpha.png")
        Image.fromarray(picture(64, 64)).convert("P").save(folder / "palette.gif")
        Image.fromarray(picture(64, 64)).convert("CMYK").save(folder / "print.jpeg")
    return root
