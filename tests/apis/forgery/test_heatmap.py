"""The map of tile probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from vision.apis.forgery.heatmap import MAX_TILES, plan_heatmap


def image_of(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_hot_tiles_show_where_they_are() -> None:
    plan, _ = plan_heatmap(image_of(600, 900), 256)
    tops, lefts = np.meshgrid(plan.grid.tops, plan.grid.lefts, indexing="ij")
    hot = (tops + 128 > 300) & (lefts + 128 > 450)  # lower right quarter
    dense = plan.heat_map(hot.ravel().astype(np.float32)).dense(300, 450)
    assert dense.shape == (300, 450) and dense.dtype == np.float32
    assert dense[280, 430] > 0.9 and dense[20, 20] < 0.1 and dense[20, 430] < 0.1
    row, column = np.unravel_index(dense.argmax(), dense.shape)
    assert row > 150 and column > 225


def test_each_tile_is_at_its_place() -> None:
    image = image_of(300, 500)
    plan, tiles = plan_heatmap(image, 64)
    columns = len(plan.grid.lefts)
    for row, column in ((0, 0), (1, 2), (len(plan.grid.tops) - 1, columns - 1)):
        top, left = plan.grid.tops[row] - plan.shift[0], plan.grid.lefts[column] - plan.shift[1]
        np.testing.assert_array_equal(tiles[row * columns + column], image[top : top + 64, left : left + 64])


@pytest.mark.parametrize("size", [(8, 8), (60, 300), (100, 100), (256, 256), (300, 2000), (4000, 3000), (10, 20_000)])
def test_any_size_gives_a_bounded_map_within_0_and_1(size: tuple[int, int]) -> None:
    plan, tiles = plan_heatmap(image_of(*size), 256)
    assert 1 <= len(tiles) <= MAX_TILES and tiles.shape[1:] == (256, 256, 3)
    heat = plan.heat_map(np.random.default_rng(0).random(len(tiles)))
    assert max(heat.preview.shape[:2]) <= 1000
    dense = heat.dense(*heat.preview.shape[:2])
    assert dense.shape == heat.preview.shape[:2]
    assert dense.min() >= 0 and dense.max() <= 1


def test_a_constant_map_is_constant() -> None:
    plan, tiles = plan_heatmap(image_of(256, 256), 256)
    assert len(tiles) == 9  # the border is reflected: there is more than one tile to compare
    np.testing.assert_allclose(plan.heat_map(np.full(9, 0.25)).dense(64, 64), 0.25, atol=1e-6)


def test_centers_are_places_in_the_image_even_when_it_was_extended() -> None:
    plan, tiles = plan_heatmap(image_of(256, 300), 256)
    heat = plan.heat_map(np.zeros(len(tiles)))
    assert heat.center_y.tolist() == [64, 128, 192]  # 64 rows are reflected on either side
    assert heat.center_x.tolist() == [86, 150, 214]  # 42 columns
