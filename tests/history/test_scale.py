"""The change of size that an image went through, found in pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision.history import ScaleEstimate, estimate_scale
from vision.images import ImageError
from vision.pixels import blur, jpeg

NO_TRACE = ScaleEstimate(factor=None, periodic=False, confidence=0.0)
INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def resize(image: np.ndarray, factor: float, interpolation: int = cv2.INTER_CUBIC) -> np.ndarray:
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("factor", [1.2, 1.45, 1.7, 2.5])
def test_factor(pictures, factor, interpolation):
    estimate = estimate_scale(resize(pictures["cells"], factor, interpolation))
    assert estimate.factor == pytest.approx(factor, rel=0.03)
    assert estimate.periodic
    assert estimate.confidence >= 0.5


@pytest.mark.parametrize("factor", [1.1, 1.25, 3, 3.5])
def test_more_factors(pictures, factor):
    assert estimate_scale(resize(pictures["cells"], factor)).factor == pytest.approx(factor, rel=0.03)


def test_factor_after_jpeg(pictures):
    assert estimate_scale(jpeg(resize(pictures["cells"], 2.5), 85)).factor == pytest.approx(2.5, rel=0.03)


def test_no_trace(pictures):
    for image in pictures.values():
        for unchanged in (image, jpeg(image, 70), jpeg(image, 95, offset=(3, 4))):
            assert estimate_scale(unchanged) == NO_TRACE


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.9])
def test_reductions_have_no_factor(pictures, factor):
    for name in ("leaves", "cells"):
        large = jpeg(np.tile(pictures[name], (2, 2, 1)), 75)
        for interpolation in (cv2.INTER_AREA, cv2.INTER_CUBIC):
            assert estimate_scale(resize(large, factor, interpolation)).factor is None


def test_the_lines_of_demosaicing_and_of_grids_are_excluded(pictures):
    """A line of period 2 or 8, however strong, is not the trace of a factor."""
    image = pictures["leaves"].astype(float)
    for period in (2, 8):
        smooth = blur(pictures["leaves"], 0.8)
        every = (np.arange(256) % period == 0)[:, None, None] | (np.arange(256) % period == 0)[None, :, None]
        mixed = np.where(every, image, smooth).astype(np.uint8)
        assert estimate_scale(mixed).factor is None


def test_small_images(pictures):
    for side in (8, 64, 127):
        assert estimate_scale(resize(pictures["leaves"], 1.45)[:side, :side]) == NO_TRACE


def test_flat_images_and_patterns():
    for image in (np.zeros((256, 256), np.uint8), np.indices((256, 256)).sum(0).astype(np.uint8)):
        assert estimate_scale(image).factor is None


def test_bad_input():
    with pytest.raises(ImageError):
        estimate_scale(np.zeros((64, 64, 4), np.uint8))
