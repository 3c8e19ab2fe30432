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
    """y goes up and z to the viewer; what is seen across gives the size."""
    points = np.array([[x, y, 5.0] for x in (-1, 0, 1) for y in (-1, 0, 1)] + [[0, 1, 6], [0, 0, 99]])
    colors = np.arange(33, dtype=np.uint8).reshape(11, 3)
    place, color = unpacked(packed(points, colors))
    assert len(place) == 10  # the last is too far
    np.testing.assert_allclose(place[[0, 9]], [[-1, 1, 0], [0, -1, -1]], atol=1e-3)
    assert color[9].tolist() == [27, 28, 29, 255]


def test_limit_and_none() -> None:
    points = np.random.default_rng(0).normal(size=(5000, 3))
    place, _ = unpacked(packed(points, np.zeros((5000, 3), np.uint8), limit=100))
    assert 90 <= len(place) <= 100
    assert packed(points[:0], np.zeros((0, 3), np.uint8)) == ""
