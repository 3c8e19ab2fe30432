"""The scheme, against its definition block by block, and against pixels of the original package."""

from __future__ import annotations

import numpy as np
import pytest
import pywt

from vision.errors import UsageError
from vision.watermark import WATERMARKS, embed_watermark
from vision.watermark.messages import EIGHT_BIT, FLOAT, SWAPPED, Channel

MESSAGES = {mark.name: mark.message for mark in WATERMARKS}


def decoded(image: np.ndarray, length: int, channel: Channel) -> str:
    """Bits by majority, as the definition says, in plain loops."""
    red, green, blue = np.moveaxis(image[..., ::-1] if channel.swapped else image, 2, 0).astype(float)
    low, _ = pywt.dwt2(0.492 * (blue - (0.299 * red + 0.587 * green + 0.114 * blue)) + channel.zero, "haar")
    votes: list[list[bool]] = [[] for _ in range(length)]
    number = 0
    for row in range(low.shape[0] // 4):
        for column in range(low.shape[1] // 4):
            block = low[4 * row : 4 * row + 4, 4 * column : 4 * column + 4].reshape(-1)
            votes[number % length].append(bool(np.abs(block[1:]).max() % 36 > 18))
            number += 1
    return "".join("1" if np.mean(vote) > 0.5 else "0" for vote in votes)


def test_messages() -> None:
    expected = {
        "Stable Diffusion 1": "".join(f"{ord(letter):08b}" for letter in "StableDiffusionV1"),
        "Stable Diffusion 2": "01010011010001000101011000110010",
        "Stable Diffusion XL": f"{0xB3EC907BB19E:b}",
        "FLUX": f"{0x2AFE879CF52E:b}",
    }
    assert expected == MESSAGES
    assert [len(message) for message in MESSAGES.values()] == [136, 32, 48, 46]


@pytest.mark.parametrize(
    ("name", "channel"), [(mark.name, channel) for mark in WATERMARKS for channel in mark.channels]
)
def test_a_decoder_by_the_definition_reads_the_message(name: str, channel: Channel) -> None:
    noise = np.random.default_rng(0).normal((120, 100, 60), (9, 9, 12), (256, 256, 3))
    carried = embed_watermark(np.clip(noise, 0, 255).astype(np.uint8), name, channel)
    assert decoded(carried, len(MESSAGES[name]), channel) == MESSAGES[name]


# Pixels that the original package gives for two blocks of 2x2 pixels of one color, by row and column.
@pytest.mark.parametrize(
    ("name", "channel", "cells"),
    [
        ("Stable Diffusion 2", EIGHT_BIT, {(4, 0): (89, 132, 122), (6, 10): (136, 112, 145)}),
        ("FLUX", FLOAT, {(2, 4): (108, 140, 56), (2, 12): (144, 136, 86)}),
        ("Stable Diffusion XL", SWAPPED, {(4, 0): (99, 126, 140), (6, 14): (156, 116, 84)}),
    ],
)
def test_pixels_are_those_of_the_original(
    name: str, channel: Channel, cells: dict[tuple[int, int], tuple[int, int, int]]
) -> None:
    y, x = np.mgrid[:4, :8]
    colors = np.stack([90 + 9 * x, 150 - 11 * y, 60 + 8 * ((3 * x + 5 * y) % 11)], axis=-1).astype(np.uint8)
    expected = colors.repeat(2, axis=0).repeat(2, axis=1).astype(int)
    for (row, column), color in cells.items():
        expected[row : row + 2, column : column + 2] = color
    carried = embed_watermark(colors.repeat(2, axis=0).repeat(2, axis=1), name, channel)
    assert np.abs(carried - expected).max() <= 1  # rounding


def test_what_is_left_alone(pictures: list[np.ndarray]) -> None:
    """Blocks are whole; the image that is given stays as it is."""
    image = pictures[0][:203, :125]
    before = image.copy()
    carried = embed_watermark(image, "Stable Diffusion XL")
    assert np.array_equal(image, before)
    assert carried.dtype == np.uint8 and carried.shape == image.shape
    assert np.abs(carried[200:].astype(int) - image[200:]).max() <= 1
    assert np.abs(carried[:, 124:].astype(int) - image[:, 124:]).max() <= 1
    assert 0.3 < np.abs(carried[:200, :120].astype(int) - image[:200, :120]).mean() < 4


def test_unknown_names_are_refused(pictures: list[np.ndarray]) -> None:
    with pytest.raises(UsageError, match=r"'Midjourney'.*Stable Diffusion XL, FLUX") as caught:
        embed_watermark(pictures[0], "Midjourney")
    assert caught.value.code == "unknown-watermark" and caught.value.value == "Midjourney"
