"""Heat maps between their tiles."""

from __future__ import annotations

import numpy as np
import pytest

from vision.structures.heatmap import HeatMap


def heat(probability: list[list[float]], y: list[float], x: list[float], size: tuple[int, int]) -> HeatMap:
    values = np.array(probability, np.float32)
    return HeatMap(values, np.array(y), np.array(x), *size, 256, np.zeros((2, 2, 3), np.uint8))


def spread(values: np.ndarray) -> float:
    """Deviation of a bump about its middle."""
    place = np.arange(len(values))
    middle = (place * values).sum() / values.sum()
    return float(np.sqrt(((place - middle) ** 2 * values).sum() / values.sum()))


@pytest.mark.parametrize("turned", [False, True])
def test_smoothing_follows_the_spacing_of_each_axis(turned: bool) -> None:
    """Tiles 40 pixels apart along one axis, 8 along the other: half of it is the deviation of what smooths them."""
    hot = np.zeros((11, 41))
    hot[5, 20] = 1
    far, near = [200 + 40 * k for k in range(11)], [240 + 8 * k for k in range(41)]
    if turned:
        dense = heat(hot.T.tolist(), near, far, (800, 800)).dense(800, 800).T
    else:
        dense = heat(hot.tolist(), far, near, (800, 800)).dense(800, 800)
    # A triangle of half width s has the deviation s / sqrt(6), the smoothing s / 2.
    down, along = spread(dense.sum(1)), spread(dense.sum(0))
    assert down == pytest.approx(40 * (1 / 6 + 1 / 4) ** 0.5, rel=0.05)
    assert along == pytest.approx(8 * (1 / 6 + 1 / 4) ** 0.5, rel=0.05)
    assert np.unravel_index(dense.argmax(), dense.shape) in {(y, x) for y in (399, 400) for x in (399, 400)}


def test_smoothing_shrinks_with_the_drawing() -> None:
    hot = np.zeros((9, 9))
    hot[4, 4] = 1
    places = [80.0 + 40 * k for k in range(9)]
    large, small = (heat(hot.tolist(), places, places, (480, 480)).dense(side, side) for side in (480, 120))
    assert spread(small.sum(0)) == pytest.approx(spread(large.sum(0)) / 4, rel=0.1)
    wide = heat(hot.tolist(), places, places, (480, 480)).dense(120, 480)
    assert wide.shape == (120, 480) and spread(wide.sum(1)) < spread(wide.sum(0)) / 3


def test_values_at_tiles_of_a_ramp() -> None:
    """A ramp stays a ramp inside; beyond the outermost centers their value goes on; the middle of a pixel counts."""
    ramp = np.linspace(0, 1, 11)
    centers = np.linspace(10, 90, 11)
    dense = heat([ramp.tolist()] * 2, [20, 30], centers.tolist(), (50, 100)).dense(50, 100)
    np.testing.assert_allclose(dense[25, 30:70], (np.arange(30, 70) + 0.5 - 10) / 80, atol=1e-3)
    assert dense[0, 0] < 0.03 and dense[-1, -1] > 0.97
    one = heat([[0.25]], [25.0], [50.0], (50, 100)).dense(5, 7)
    assert one.shape == (5, 7) and one.dtype == np.float32 and (one == 0.25).all()
