"""Where images are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.apis.forgery.crops import crop_grid, native_crops, tile_grid


@given(st.integers(16, 600), st.integers(16, 600), st.integers(1, 20))
def test_grid_lies_inside_and_covers_when_it_may(height: int, width: int, max_crops: int) -> None:
    grid = crop_grid(height, width, 16, max_crops)
    assert 1 <= len(grid.tops) * len(grid.lefts) <= max_crops
    for edges, side in ((grid.tops, height), (grid.lefts, width)):
        assert min(edges) >= 0 and max(edges) <= side - 16
        if len(edges) > 1:
            assert edges[0] == 0 and edges[-1] == side - 16
            assert np.ptp(np.diff(edges)) <= 1  # evenly
    if -(-height // 16) * -(-width // 16) <= max_crops:
        seen = np.zeros((height, width), bool)
        for top in grid.tops:
            for left in grid.lefts:
                seen[top : top + 16, left : left + 16] = True
        assert seen.all()


@pytest.mark.parametrize(
    ("size", "shape"),
    [((256, 256), (1, 1)), ((300, 300), (2, 2)), ((427, 640), (2, 3)), ((3000, 4000), (4, 4)), ((256, 9000), (1, 16))],
)
def test_grid_of_usual_sizes(size: tuple[int, int], shape: tuple[int, int]) -> None:
    grid = crop_grid(*size, 256, 16)
    assert (len(grid.tops), len(grid.lefts)) == shape
    turned = crop_grid(*size[::-1], 256, 16)
    assert (len(turned.lefts), len(turned.tops)) == shape


def test_crops_are_pixels_of_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)
    crops = native_crops(image, 32, 16)
    grid = crop_grid(40, 70, 32, 16)
    assert crops.shape == (len(grid.tops) * len(grid.lefts), 32, 32, 3)
    np.testing.assert_array_equal(crops[0], image[:32, :32])
    np.testing.assert_array_equal(crops[-1], image[-32:, -32:])


@pytest.mark.parametrize("size", [(20, 20), (8, 8), (20, 100), (8, 100)])
def test_small_images_are_extended_not_resized(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    crops = native_crops(image, 32, 16)
    assert crops.shape[1:] == (32, 32, 3)
    colors = {tuple(pixel) for pixel in image.reshape(-1, 3)}
    assert {tuple(pixel) for pixel in crops.reshape(-1, 3)} <= colors


def test_tiles_overlap_and_are_bounded() -> None:
    grid = tile_grid(512, 640, 256, 64, 196)
    assert (len(grid.tops), len(grid.lefts)) == (5, 7)
    assert max(np.diff(grid.tops)) <= 64 and max(np.diff(grid.lefts)) <= 64
    large = tile_grid(10_000, 20_000, 256, 64, 196)
    assert 150 <= len(large.tops) * len(large.lefts) <= 196
