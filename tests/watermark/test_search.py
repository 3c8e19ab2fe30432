"""Watermarks are found where they are, after JPEG and crops as far as the documents say, and nowhere else."""

from __future__ import annotations

import io
from itertools import product

import numpy as np
import pytest
from PIL import Image

from vision.images import ImageError
from vision.watermark import MAX_FPR, WATERMARKS, WatermarkMatch, embed_watermark, find_watermark
from vision.watermark.messages import Channel
from vision.watermark.search import binomial_tail

CASES = [(mark.name, channel) for mark in WATERMARKS for channel in mark.channels]
NAMES = [mark.name for mark in WATERMARKS]


def compressed(image: np.ndarray, quality: int, subsampling: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(buffer))


def name_of(match: WatermarkMatch | None) -> str | None:
    return match and match.name


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_found_as_written(name: str, channel: Channel, pictures: list[np.ndarray]) -> None:
    for image in pictures:
        match = find_watermark(embed_watermark(image, name, channel))
        assert match is not None and match.name == name
        assert match.bits == {"Stable Diffusion 1": 136, "Stable Diffusion 2": 32, "FLUX": 46}.get(name, 48)
        assert match.matched >= 0.97 * match.bits


def test_rate_is_that_of_all_that_was_tried(pictures: list[np.ndarray]) -> None:
    """Five pairs of message and channel, two traces, two or three stages; after a crop the start of the message too."""
    marked = embed_watermark(pictures[0], "Stable Diffusion XL")
    assert find_watermark(marked) == WatermarkMatch("Stable Diffusion XL", 48, 48, pytest.approx(20 / 2**48))
    assert find_watermark(marked, thorough=True) == WatermarkMatch(
        "Stable Diffusion XL", 48, 48, pytest.approx(30 / 2**48)
    )
    cropped = find_watermark(marked[:, 8:])
    assert cropped == WatermarkMatch("Stable Diffusion XL", 48, 48, pytest.approx(48 * 20 / 2**48))


@pytest.mark.parametrize(
    ("count", "least", "expected"), [(4, 0, 1), (4, 3, 5 / 16), (48, 48, 2.0**-48), (48, 43, 1_925_357 / 2**48)]
)
def test_binomial_tail(count: int, least: int, expected: float) -> None:
    assert binomial_tail(count, least) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("quality", "subsampling"), [(90, 0), (75, 0), (95, 2)])
def test_found_after_jpeg(name: str, quality: int, subsampling: int, pictures: list[np.ndarray]) -> None:
    for image in (pictures[1], pictures[3]):
        assert name_of(find_watermark(compressed(embed_watermark(image, name), quality, subsampling))) == name


@pytest.mark.parametrize("name", NAMES)
def test_found_after_a_crop_by_blocks(name: str, pictures: list[np.ndarray]) -> None:
    marked = embed_watermark(pictures[0], name)
    for crop in (marked[:400], marked[:, :336], marked[64:, 8:], marked[24:440, 16:424]):
        assert name_of(find_watermark(np.ascontiguousarray(crop))) == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("top", "left"), [(1, 0), (4, 4), (3, 7), (13, 21)])
def test_found_after_any_crop(name: str, top: int, left: int, pictures: list[np.ndarray]) -> None:
    crop = embed_watermark(pictures[1], name)[top : top + 410, left : left + 390]
    assert name_of(find_watermark(crop, thorough=True)) == name


def test_other_places_of_blocks_take_a_thorough_search(pictures: list[np.ndarray]) -> None:
    crop = embed_watermark(pictures[1], "Stable Diffusion XL")[4:, 4:]
    assert find_watermark(crop) is None
    assert find_watermark(crop, thorough=True) is not None


def test_found_in_the_middle_of_a_large_image(pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.watermark.search.THOROUGH_SIDE", 320)
    marked = embed_watermark(pictures[1], "FLUX")[5:, 3:]
    assert name_of(find_watermark(marked, thorough=True)) == "FLUX"
    marked[90:420, 90:420] = 128  # nothing else is looked at
    assert find_watermark(marked, thorough=True) is None


def test_not_found_after_a_change_of_size(pictures: list[np.ndarray]) -> None:
    """As the documents say."""
    marked = embed_watermark(pictures[0], "FLUX")
    half = np.asarray(Image.fromarray(marked).resize((256, 256), Image.Resampling.LANCZOS))
    assert find_watermark(half, thorough=True) is None


def test_nothing_in_pictures_without(pictures: list[np.ndarray]) -> None:
    assert [find_watermark(image) for image in pictures] == [None] * len(pictures)
    assert find_watermark(pictures[0][:256, :256], thorough=True) is None


def flat(color: tuple[int, int, int]) -> np.ndarray:
    return np.full((264, 264, 3), color, np.uint8)


def drawn(pattern: np.ndarray) -> np.ndarray:
    """A pattern from 0 to 1 in two colors."""
    return (np.array([20, 60, 220]) + pattern[..., None] * np.array([180, -20, -190])).astype(np.uint8)


def test_nothing_in_flat_images() -> None:
    colors = [*product((0, 128, 255), repeat=3), (126, 3, 77)]
    assert [find_watermark(flat(color)) for color in colors] == [None] * len(colors)
    assert find_watermark(flat((126, 3, 77)), thorough=True) is None


def test_nothing_in_drawn_images() -> None:
    y, x = np.indices((512, 512))
    patterns = [place % period * 2 >= period for place in (x, y, x + y) for period in (2, 3, 8, 16, 24, 64, 100)]
    patterns += [(x // 32 + y // 32) % 2, x / 511, (x + y) / 1022]
    assert [find_watermark(drawn(pattern)) for pattern in patterns] == [None] * len(patterns)
    assert find_watermark(drawn(patterns[5][:200, :200]), thorough=True) is None


def test_found_on_a_flat_image() -> None:
    for color in ((90, 90, 90), (200, 120, 60)):
        assert name_of(find_watermark(embed_watermark(np.tile(flat(color), (2, 2, 1)), "Stable Diffusion XL"))) == (
            "Stable Diffusion XL"
        )


@pytest.mark.parametrize("size", [(8, 8), (9, 15), (8, 2000), (3001, 8), (47, 33)])
def test_small_images_say_nothing(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert find_watermark(image) is None
    assert find_watermark(image, thorough=True) is None


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ImageError, match="expected at least 8 x 8"):
        find_watermark(np.zeros((7, 8, 3), np.uint8))
    with pytest.raises(ImageError, match="float32 array"):
        find_watermark(np.zeros((64, 64, 3), np.float32))


def test_threshold() -> None:
    assert MAX_FPR == 1e-6
