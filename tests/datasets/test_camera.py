from __future__ import annotations

import numpy as np
import pytest

from vision.datasets import RandomCamera
from vision.datasets.camera import demosaic, mosaic, sharpen


@pytest.mark.parametrize("pattern", range(4))
@pytest.mark.parametrize("edge_aware", [False, True])
def test_a_plain_color_survives_the_mosaic(pattern, edge_aware):
    image = np.empty((16, 20, 3), np.uint8)
    image[:] = (200, 100, 30)
    assert np.array_equal(demosaic(mosaic(image, pattern), pattern, edge_aware)[2:-2, 2:-2], image[2:-2, 2:-2])


def test_a_mosaic_keeps_one_color_per_pixel_half_of_them_green():
    image = np.empty((8, 8, 3), np.uint8)
    image[:] = (1, 2, 3)
    for pattern in range(4):
        raw = mosaic(image, pattern)
        assert np.bincount(raw.ravel(), minlength=4).tolist() == [0, 16, 32, 16]
        assert raw[0, 0] + raw[0, 1] + raw[1, 0] + raw[1, 1] == 8  # 1 + 2 + 2 + 3, wherever it begins


def test_taking_again_reduces_and_repeats(picture):
    camera = RandomCamera(factor=(0.5, 0.5), prob=1.0)
    image = picture(64, 90)
    first, second = (camera(image, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (32, 45, 3) and first.dtype == np.uint8 and np.array_equal(first, second)
    assert not np.array_equal(first, camera(image, np.random.default_rng(4)))
    # The same scene: its means by blocks are those of the picture, but for noise.
    blocks = [part[:32, :44].reshape(4, 8, 4, 11, 3).mean((1, 3)) for part in (first, image[::2, ::2])]
    assert np.abs(blocks[0] - blocks[1]).max() < 12


def test_no_probability_changes_nothing(picture):
    image = picture()
    assert RandomCamera(prob=0.0)(image, np.random.default_rng(0)) is image


def test_sharpening_raises_contrast_at_an_edge():
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :8], image[:, 8:] = 100, 150
    out = sharpen(image, 1.0, 1.0)
    assert out[8, 7, 0] < 100 and out[8, 8, 0] > 150 and out[8, 0, 0] == 100


@pytest.mark.parametrize(("name", "value"), [("factor", (0.5, 1.5)), ("read_noise", -1.0), ("prob", 2.0)])
def test_wrong_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=name if name != "prob" else "prob"):
        RandomCamera(**{name: value})
