"""The synthetic set is what it was: weights are trained on it, so that another number anywhere is another data set.

`python tests/datasets/scene/test_golden.py` writes the golden file anew, where a change is meant.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.datasets import SyntheticStereo
from vision.datasets.scene import texture
from vision.datasets.scene.pool import TexturePool

GOLDEN = Path(__file__).with_name("golden.npz")
LAYOUTS = ["indoor", "street", "confetti"]
PAIRS, SEEDS = 36, 8


def pairs(layout: str) -> np.ndarray:
    """Of each pair a grid of means: both images' colors, and both disparities in tenths of a pixel."""
    dataset = SyntheticStereo((64, 112), PAIRS, layouts={layout: 1.0}, num_textures=40, texture_size=48)
    found = []
    for index in range(PAIRS):
        sample = dataset[index]
        colors = [sample[name].astype(np.float32) for name in ("left", "right")]
        depths = [10 * sample[name][..., None] for name in ("disparity", "disparity_right")]
        found.append(cv2.resize(np.concatenate([*colors, *depths], 2), (7, 4), interpolation=cv2.INTER_AREA))
    return np.stack(found)


def textures(kind: str) -> np.ndarray:
    """Of textures from several seeds grids of means and of deviations."""
    made = [texture.make_texture(np.random.default_rng(seed), kind, 96).astype(np.float32) for seed in range(SEEDS)]
    coarse = [cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA) for image in made]
    spread = [image.reshape(4, 24, 4, 24, 3).std((1, 3)) for image in made]
    return np.stack([coarse, spread])


def photos(folder: Path) -> np.ndarray:
    """Of textures that are cut out of a photograph, grids of means; the photograph is sharp at one corner."""
    y, x = np.mgrid[0:150, 0:220].astype(np.float32)
    picture = np.stack([x, 220 - x, 60 + y], 2) + (np.sin(x * y / 200) * (x + y) / 5)[..., None]
    cv2.imwrite(str(folder / "photo.png"), picture.clip(0, 255).astype(np.uint8))
    pool = TexturePool(3, 16, [folder / "photo.png"], photo_share=1.0, size=48)
    levels = [pool.texture(index).levels[0].astype(np.float32) for index in range(16)]
    return np.stack([cv2.resize(level, (4, 4), interpolation=cv2.INTER_AREA) for level in levels])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pairs(layout: str) -> None:
    golden = np.load(GOLDEN)[layout].astype(np.float32)
    # The file rounds to 1/8 gray level; what versions of OpenCV round otherwise is less in the mean.
    np.testing.assert_allclose(pairs(layout), golden, rtol=1e-3, atol=0.3)


@pytest.mark.parametrize("kind", list(texture.KINDS))
def test_textures(kind: str) -> None:
    golden = np.load(GOLDEN)[kind].astype(np.float32)
    np.testing.assert_allclose(textures(kind), golden, rtol=1e-3, atol=0.3)


def test_photographs(tmp_path: Path) -> None:
    np.testing.assert_allclose(photos(tmp_path), np.load(GOLDEN)["photos"].astype(np.float32), rtol=1e-3, atol=0.3)


@pytest.mark.parametrize("size", [16, 40, 48, 64, 100])
def test_small_textures_can_be_made_of_every_kind(size: int) -> None:
    for kind in texture.KINDS:
        for seed in range(3):
            assert texture.make_texture(np.random.default_rng(seed), kind, size).shape == (size, size, 3)


if __name__ == "__main__":
    every = {name: pairs(name) for name in LAYOUTS} | {kind: textures(kind) for kind in texture.KINDS}
    with tempfile.TemporaryDirectory() as folder:
        every["photos"] = photos(Path(folder))
    np.savez_compressed(GOLDEN, **{name: values.astype(np.float16) for name, values in every.items()})
