"""The quality of a JPEG compression, found in pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision.history import estimate_jpeg_quality
from vision.history.steps import STEPS, evidence, histograms
from vision.images import ImageError
from vision.pixels import CHROMA, jpeg, webp


@pytest.mark.parametrize("quality", [30, 50, 75, 85, 90, 95, 98, 100])
def test_quality(pictures, quality):
    assert [estimate_jpeg_quality(jpeg(image, quality)) for image in pictures.values()] == [quality] * len(pictures)


@pytest.mark.parametrize("offset", [(0, 1), (3, 5), (7, 7), (4, 0)])
@pytest.mark.parametrize("chroma", CHROMA)
def test_crops_and_chroma(pictures, offset, chroma):
    assert estimate_jpeg_quality(jpeg(pictures["leaves"], 80, chroma, offset)) == 80


def test_the_last_of_two_compressions_counts(pictures):
    twice = jpeg(jpeg(pictures["leaves"], 60), 90, offset=(2, 6))
    assert estimate_jpeg_quality(twice) == 90
    assert estimate_jpeg_quality(jpeg(jpeg(pictures["leaves"], 90), 60, offset=(2, 6))) == 60


def test_no_trace(pictures):
    for image in pictures.values():
        assert estimate_jpeg_quality(image) is None
        compressed = jpeg(image, 75)
        assert estimate_jpeg_quality(cv2.resize(compressed, None, fx=0.7, fy=0.7)) is None
        assert estimate_jpeg_quality(webp(image, 80)) is None


def test_noise_is_no_trace():
    rng = np.random.default_rng(0)
    for deviation in (0.5, 2, 10, 60):
        noise = np.clip(rng.normal(128, deviation, (128, 128, 3)), 0, 255).astype(np.uint8)
        assert estimate_jpeg_quality(noise) is None


def test_drawings_are_no_trace():
    board = np.indices((256, 256)).sum(0) // 8 % 2 * 100 + 50
    stripes = np.broadcast_to(np.arange(256) // 16 * 9 + 20, (256, 256))
    colors = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).repeat(8, 0).repeat(8, 1)
    for drawing in (board, stripes, np.full((256, 256), 7)):
        assert estimate_jpeg_quality(drawing.astype(np.uint8)) is None
    assert estimate_jpeg_quality(colors.astype(np.uint8)) is None


def test_small_images(pictures):
    compressed = jpeg(pictures["leaves"], 75)
    for side in (8, 16, 31):
        assert estimate_jpeg_quality(compressed[:side, :side]) is None
    assert estimate_jpeg_quality(compressed[:64, :64]) == 75
    assert estimate_jpeg_quality(compressed[:40, :200]) == 75


def test_other_tables_give_the_nearest_quality(pictures, tmp_path):
    """All steps 6: among standard tables the nearest by the mean logarithm, of low frequencies, is about 85 to 93."""
    from PIL import Image

    path = tmp_path / "flat.jpg"
    Image.fromarray(pictures["leaves"]).save(path, qtables=[[6] * 64, [6] * 64])
    assert 85 <= estimate_jpeg_quality(np.array(Image.open(path))) <= 95


def test_large_images_are_searched_in_parts(pictures):
    compressed = jpeg(np.tile(pictures["leaves"], (8, 12, 1)), 70, offset=(1, 2))
    assert estimate_jpeg_quality(compressed) == 70


def test_gray(pictures):
    gray = cv2.cvtColor(jpeg(pictures["cells"], 65), cv2.COLOR_RGB2GRAY)
    assert estimate_jpeg_quality(gray) == 65


def test_bad_input():
    for array in (np.zeros((64, 64, 3)), np.zeros((64, 64, 4), np.uint8), np.zeros((7, 64, 3), np.uint8)):
        with pytest.raises(ImageError):
            estimate_jpeg_quality(array)


def test_evidence_has_its_bound():
    """The expected likelihood ratio is at most 1 without quantization: the rate of false alarms rests on it."""
    rng = np.random.default_rng(0)
    for deviation in (0.5, 3, 20):
        values = rng.laplace(0, deviation, 100_000)[:, None]
        single = [np.exp(evidence(histograms(value[None]))[0]) for value in values[:3000]]
        assert np.mean(single, axis=0).max() < 1.15
        assert evidence(histograms(values))[0].max() < 12


def test_steps_are_found():
    rng = np.random.default_rng(0)
    for step in (1, 2, 5, 16, 61):
        values = step * np.round(rng.laplace(0, 2 * step, 2000) / step) + rng.normal(0, 12**-0.5, 2000)
        assert STEPS[evidence(histograms(values[:, None]))[0].argmax()] == step
