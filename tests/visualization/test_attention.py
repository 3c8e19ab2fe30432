"""Windows over an image: keys in their place and color, the rest dark."""

from __future__ import annotations

import numpy as np
import pytest

from vision.structures.attention import BlockAttention
from vision.visualization import draw_attention


@pytest.fixture
def attention() -> BlockAttention:
    """3 x 3 keys, 2 tokens apart, on a grid of 10 x 10 tokens of 4 pixels."""
    keys = np.array([[row, column] for row in (2, 4, 6) for column in (1, 3, 5)])
    weights = np.zeros((2, 9), np.float32)
    weights[0, 8] = weights[1, 0] = 1
    return BlockAttention(0, 0, (10, 10), 4, (4, 3), (3, 3), (2, 2), keys, weights, (40, 40))


def color(drawn: np.ndarray, row: int, column: int) -> list[int]:
    """Of a token's middle, of 10 pixels."""
    return drawn[10 * row + 5, 10 * column + 5].tolist()


def test_keys(attention: BlockAttention) -> None:
    drawn = draw_attention(np.full((40, 40, 3), 100, np.uint8), attention, head=0, side=100)
    assert drawn.shape == (100, 100, 3) and drawn.dtype == np.uint8
    yellow, blue = np.array([253, 231, 37]), np.array([68, 1, 84])  # the ends of viridis
    assert color(drawn, 6, 5) == np.rint(30 + 0.7 * yellow).tolist()
    assert color(drawn, 2, 1) == np.rint(30 + 0.7 * blue).tolist()
    assert color(drawn, 3, 2) == color(drawn, 9, 9) == [35, 35, 35]  # between the keys, and outside
    other = draw_attention(np.full((40, 40, 3), 100, np.uint8), attention, head=1, side=100)
    assert color(other, 2, 1) == color(drawn, 6, 5)
    mean = draw_attention(np.full((40, 40, 3), 100, np.uint8), attention, side=100)
    assert color(mean, 2, 1) == color(mean, 6, 5) == color(drawn, 6, 5)


def test_edge_and_query(attention: BlockAttention) -> None:
    drawn = draw_attention(np.zeros((40, 40, 3), np.uint8), attention, side=100)
    white = np.argwhere((drawn == 255).all(-1))
    assert white.min(0).tolist() == [20, 10] and white.max(0).tolist() == [69, 59]
    query = np.argwhere((drawn == (255, 64, 160)).all(-1))
    assert query.min(0).tolist() == [39, 29]  # thicker than its token by a pixel


def test_proportions(attention: BlockAttention) -> None:
    assert draw_attention(np.zeros((30, 60, 3), np.uint8), attention, side=120).shape == (60, 120, 3)
