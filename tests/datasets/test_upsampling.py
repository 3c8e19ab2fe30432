from __future__ import annotations

import numpy as np
import pytest

from vision.datasets import RandomUpsampler
from vision.datasets.upsampling import enlarge


@pytest.mark.parametrize("kind", ["zeros", "nearest", "linear"])
def test_enlarging_keeps_the_light_and_leaves_a_grid(kind):
    plain = np.full((16, 16, 3), 80, np.float32)
    big = enlarge(plain, np.random.default_rng(0), kind)
    assert big.shape == (32, 32, 3)
    inner = big[8:-8, 8:-8, 0]
    assert abs(float(inner.mean()) - 80) < 2
    # All pixels of one phase are alike; with zeros between, the four phases differ.
    phases = np.array([[inner[row::2, column::2] for column in range(2)] for row in range(2)])
    assert np.ptp(phases, axis=(2, 3)).max() < 1e-3
    assert (np.ptp(phases.mean((2, 3))) > 1e-3) == (kind == "zeros")


def test_a_picture_is_made_anew_at_its_size(picture):
    upsampler = RandomUpsampler(factors=(4,))
    image = picture(66, 91)
    first, second = (upsampler(image, np.random.default_rng(1)) for _ in range(2))
    assert first.shape == (64, 88, 3) and first.dtype == np.uint8 and np.array_equal(first, second)
    assert not np.array_equal(first, image[:64, :88])
    low = [part[:64, :88].reshape(8, 8, 8, 11, 3).mean((1, 3)) for part in (first, image)]
    assert np.abs(low[0] - low[1]).mean() < 10


def test_what_is_smaller_than_the_factor_stays(picture):
    image = picture(3, 50)
    assert RandomUpsampler(factors=(4,))(image, np.random.default_rng(0)) is image


@pytest.mark.parametrize("factors", [(), (1,), (3,), (2, 6)])
def test_factors_are_powers_of_two(factors):
    with pytest.raises(ValueError, match="powers of two"):
        RandomUpsampler(factors=factors)
