"""Pixel operations that every task shares, by numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vision.normalize import normalize_imagenet
from vision.pixels import blur, extend, jpeg, webp


def test_channels_have_their_own_means_and_deviations() -> None:
    """torchvision's published mean (0.485, 0.456, 0.406) and deviation (0.229, 0.224, 0.225), times 255."""
    white = normalize_imagenet(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    black = normalize_imagenet(torch.zeros(1, 3, 2, 2))
    assert white.dtype == torch.float32 and white.shape == (1, 3, 2, 2)
    assert white[0, :, 1, 1].tolist() == pytest.approx([2.2489, 2.4286, 2.6400], abs=1e-4)
    assert black[0, :, 0, 0].tolist() == pytest.approx([-2.1179, -2.0357, -1.8044], abs=1e-4)


def row(*values: int) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8)[None, :, None], 3, axis=2)


def test_extension_by_reflection_is_even_on_both_sides() -> None:
    image = np.tile(row(10, 20, 30, 40), (4, 1, 1))
    assert extend(image, (4, 7))[0, :, 0].tolist() == [20, 10, 20, 30, 40, 30, 20]
    assert extend(image, (4, 8))[0, :, 0].tolist() == [30, 20, 10, 20, 30, 40, 30, 20]
    tall = extend(image.transpose(1, 0, 2), (7, 4))
    assert tall[:, 0, 0].tolist() == [20, 10, 20, 30, 40, 30, 20]
    assert extend(image, (3, 4)) is image and extend(image, (4, 4)) is image


def test_extension_by_tiling_where_a_reflection_has_not_enough_pixels() -> None:
    assert extend(row(10, 20), (1, 5)).shape == (1, 5, 3)
    assert extend(row(10, 20), (1, 5))[0, :, 0].tolist() == [10, 20, 10, 20, 10]
    image = np.tile(row(10, 20, 30), (3, 1, 1))
    # Reflection has at most 2 on either side of 3.
    assert extend(image, (3, 7))[0, :, 0].tolist() == [30, 20, 10, 20, 30, 20, 10]
    assert extend(image, (3, 8))[0, :, 0].tolist() == [10, 20, 30, 10, 20, 30, 10, 20]
    assert extend(image, (9, 2)).shape == (9, 3, 3)


@pytest.mark.parametrize("codec", [jpeg, webp])
def test_compression_keeps_the_order_of_channels(codec) -> None:
    image = np.empty((32, 48, 3), np.uint8)
    image[:] = (200, 100, 30)
    out = codec(image, 90)
    assert out.shape == image.shape and out.dtype == np.uint8
    assert np.abs(out.astype(int) - image).max() <= 4


def test_quality_and_chroma_reach_the_encoder() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    error = {q: np.abs(jpeg(image, q).astype(int) - image).mean() for q in (10, 60, 95)}
    assert error[10] > error[60] > error[95]
    full = np.abs(jpeg(image, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444).astype(int) - image).mean()
    assert full < 0.3 * error[95]  # by default colors are halved, 4:2:0
    assert np.abs(webp(image, 5).astype(int) - image).mean() > np.abs(webp(image, 95).astype(int) - image).mean()
    assert (webp(image, 200) == webp(image, 100)).all()


def test_the_block_grid_starts_before_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    moved = jpeg(image, 50, offset=(3, 5))
    assert moved.shape == image.shape
    padded = cv2.copyMakeBorder(image, 3, 0, 5, 0, cv2.BORDER_REFLECT_101)
    np.testing.assert_array_equal(moved, jpeg(padded, 50)[3:, 5:])
    assert (jpeg(image, 50, offset=(3, 0)) != jpeg(image, 50)).any()
    assert (jpeg(image, 50, offset=(0, 5)) != jpeg(image, 50)).any()


def test_blur_is_as_wide_as_it_says() -> None:
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 20] = 255
    wide = blur(image.repeat(1, 0), 2.0).astype(float)[..., 0]
    assert wide[20, 20] == pytest.approx(255 / (2 * np.pi * 4), abs=1)
    assert wide[20, 24] == pytest.approx(255 / (2 * np.pi * 4) * np.exp(-2), abs=1)
    assert blur(image, 0.0) is image and (blur(image, 0.6) != image).any()
