"""Points as the page gets them."""

from __future__ import annotations

import base64

import numpy as np
import pytest

pytest.importorskip("gradio")

from vision.serve.page.clouds import packed


def unpacked(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Places, -3 to 3, and colors."""
    data = np.frombuffer(base64.b64decode(text), [("place", "<u2", 4), ("color", "u1", 4)])
    return data["place"][:, :3] / 65535 * 6 - 3, data["color"]


def test_axes_and_colors() -> None:
    """y goes up and z to the viewer; what nearly all points span gives middle and size, and one far off is left out."""
    grid = [[x, y, z] for z in (4, 6) for x in (1, 2.5, 4) for y in (-1, 0, 1)] * 10
    points = np.array([*grid, [2.5, 1, 5], [2.5, 0, 99]], float)
    colors = np.stack([np.arange(len(points))] * 3, 1).astype(np.uint8) + np.array([0, 1, 2], np.uint8)
    place, color = unpacked(packed(points, colors))
    assert len(place) == len(points) - 1
    assert not np.array_equal(color[:20, 0], np.arange(20))  # by chance
    order = np.argsort(color[:, 0])
    place, color = place[order], color[order]
    np.testing.assert_allclose(place[[0, 17, 180]], [[-1.5, 1, 1], [1.5, -1, -1], [0, -1, 0]], atol=1e-3)
    assert color[17].tolist() == [17, 18, 19, 255]


def test_limit_and_none() -> None:
    points = np.random.default_rng(0).normal(size=(5000, 3))
    place, _ = unpacked(packed(points, np.zeros((5000, 3), np.uint8), limit=100))
    assert 90 <= len(place) <= 100
    assert packed(points[:0], np.zeros((0, 3), np.uint8)) == ""
