"""What is read from blocks, against PyWavelets block by block; sums of rows, against loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import pywt

from vision.watermark.evidence import Extremes, aligned_extremes, shifted_extremes, traces
from vision.watermark.messages import EIGHT_BIT, FLOAT, SWAPPED, Channel, Watermark
from vision.watermark.rows import matches, strongest_step, sums_of_steps

RNG = np.random.default_rng(4)


def extremes(image: np.ndarray, channel: Channel) -> tuple[np.ndarray, np.ndarray]:
    red, green, blue = np.moveaxis(image[..., ::-1] if channel.swapped else image, 2, 0).astype(float)
    low, _ = pywt.dwt2(0.492 * (blue - (0.299 * red + 0.587 * green + 0.114 * blue)) + channel.zero, "haar")
    rows, columns = (side // 8 for side in image.shape[:2])
    blocks = [
        [np.abs(low[4 * i : 4 * i + 4, 4 * j : 4 * j + 4]).reshape(-1)[1:] for j in range(columns)] for i in range(rows)
    ]
    return np.max(blocks, axis=2), np.min(blocks, axis=2)


@pytest.mark.parametrize("channel", [EIGHT_BIT, FLOAT, SWAPPED])
@pytest.mark.parametrize("size", [(8, 8), (150, 61), (16, 8210)])
def test_extremes_of_blocks(channel: Channel, size: tuple[int, int]) -> None:
    image = RNG.integers(0, 256, (*size, 3), np.uint8)
    largest, least = extremes(image, channel)
    (found,) = aligned_extremes(image, [channel])
    assert found.largest == pytest.approx(largest, abs=1e-3)
    assert found.least == pytest.approx(least, abs=1e-3)


def test_extremes_at_all_places() -> None:
    image = RNG.integers(0, 256, (37, 42, 3), np.uint8)
    found = list(shifted_extremes(image, [EIGHT_BIT, SWAPPED]))
    assert len(found) == 2 * 64
    expected = [
        (channel, aligned_extremes(image[top + 2 * row :, left + 2 * column :], [channel])[0])
        for top, left in product((0, 1), repeat=2)
        for channel in (EIGHT_BIT, SWAPPED)
        for row, column in product(range(4), repeat=2)
    ]
    for (channel, shifted), (wanted, aligned) in zip(found, expected, strict=True):
        assert channel is wanted
        assert np.array_equal(shifted.largest, aligned.largest)
        assert np.array_equal(shifted.least, aligned.least)


@pytest.mark.parametrize("value", [0.0, 37.3, 255.7])
def test_flat_areas_say_nothing(value: float) -> None:
    """Exactly nothing: sums of what rounding leaves would be bits."""
    flat = np.full((40, 60), value, np.float32)
    for trace in traces(Extremes(flat, flat)):
        assert not trace.any()
    assert matches(np.full(6, 1e-9), Watermark("", "101100", ()), any_start=True) == 0


@pytest.mark.parametrize(("shape", "length"), [((5, 9), 4), ((11, 7), 7), ((3, 2), 6), ((1, 1), 5)])
def test_sums_of_steps(shape: tuple[int, int], length: int) -> None:
    evidence = RNG.normal(size=shape).astype(np.float32)
    expected = np.zeros((length, length))
    for step, i, j in product(range(length), *map(range, shape)):
        expected[step, (i * step + j) % length] += evidence[i, j]
    sums = sums_of_steps(evidence, length)
    assert sums == pytest.approx(expected, abs=1e-5)
    step, strength = strongest_step(sums)
    assert strength == pytest.approx(np.abs(expected).sum(axis=1).max(), abs=1e-5)
    assert strength == pytest.approx(np.abs(expected[step]).sum(), abs=1e-5)


def test_matches_count_bits_that_agree() -> None:
    sums = np.array([3.0, -1.0, 0.0, 2.0, -5.0])  # 1, 0, nothing, 1, 0
    assert matches(sums, Watermark("", "10110", ()), any_start=False) == 4
    assert matches(sums, Watermark("", "01101", ()), any_start=False) == 0
    assert matches(sums, Watermark("", "01101", ()), any_start=True) == 4  # turned by one it is 10110


def test_what_a_period_explains_is_not_counted() -> None:
    """The first of two is 1 throughout, the second 1, 0, 0, 1: these four count, less their mean."""
    mark = Watermark("", "11101011", (), period=2)
    assert mark.counted.tolist() == [False, True] * 4
    assert matches(np.array([9.0, 6, 9, 4, 9, 4, 9, 6]), mark, any_start=False) == 4
    assert matches(np.array([9.0, 6, 9, 6, 9, 4, 9, 6]), mark, any_start=False) == 3
    assert matches(np.array([9.0, 5, 9, 5, 9, 5, 9, 5]), mark, any_start=True) == 0
