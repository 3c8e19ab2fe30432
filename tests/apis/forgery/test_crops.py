"""Where images are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.apis.forgery.crops import crop_grid, native_crops, tile_grid, windows_of
from vision.apis.forgery.inferencer import MAX_CROPS


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


@pytest.mark.parametrize("size", [(3000, 4000), (4000, 3000), (3024, 4032), (2832, 4240), (2592, 4608), (3464, 3464)])
def test_twelve_megapixels_are_seen_in_full(size: tuple[int, int]) -> None:
    """An image whose pixels say where they are: each is in a window."""
    seen = np.zeros(size, bool)
    image = np.zeros((*size, 3), np.uint8)
    windows = windows_of(image, 256, MAX_CROPS)
    for top in windows.grid.tops:
        for left in windows.grid.lefts:
            seen[top : top + 256, left : left + 256] = True
    assert seen.all() and len(windows.pixels) <= MAX_CROPS == 208


def test_windows_share_the_image_unless_they_are_few() -> None:
    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    whole, few = windows_of(image, 32, 25), windows_of(image, 32, 2)
    assert len(whole.pixels) == 25 and all(np.shares_memory(window, image) for window in whole.pixels)
    assert len(few.pixels) == 2 and not any(np.shares_memory(window, image) for window in few.pixels)
    for window, (y, x, scale) in zip(whole.pixels, whole.positions, strict=True):
        top, left = round(y * 160 - 16), round(x * 160 - 16)
        assert np.array_equal(window, image[top : top + 32, left : left + 32]) and scale == 1


def test_thorough_windows_overlap_at_two_scales() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    windows = windows_of(image, 32, 1, thorough=True)
    # 3 x 5 at 16 pixels' distance, and 1 x 2 of 32 x 48 pixels.
    assert windows.positions[:, 2].tolist() == [1.0] * 15 + [0.5] * 2
    assert windows.positions[:5, 1].tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    halved = np.rint(image.reshape(32, 2, 48, 2, 3).mean((1, 3)))
    assert np.abs(windows.pixels[15].astype(int) - halved[:, :32]).max() <= 1
    assert len(windows_of(image[:31], 32, 1, thorough=True).positions) == 5  # half of it would be mirrored mostly
    small = windows_of(image[:20, :20], 32, 1).positions
    assert small.tolist() == [[0.5, 0.5, 1.0]]  # the middle, though it was extended
