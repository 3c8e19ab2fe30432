"""The legend below a segmentation, without the packages that draw the segmentation itself."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from vision.structures.dense import label_shares
from vision.visualization.dense import _meta, _with_legend, draw_prediction

COLORS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (200, 200, 0)]


def model(names: int = 3) -> SimpleNamespace:
    return SimpleNamespace(
        classes=["wall", "sky", "a car"][:names],
        name_of=lambda label: ["wall", "sky", "a car", "4"][label],
        color_of=lambda label: COLORS[label],
    )


def sample(labels: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(pred_sem_seg=SimpleNamespace(data=torch.from_numpy(labels)[None]))


def test_shares_are_sorted_and_ties_keep_their_order() -> None:
    labels = np.array([[2, 2, 0, 1], [2, 0, 1, 3]])
    assert label_shares(sample(labels)) == [(2, 3 / 8), (0, 2 / 8), (1, 2 / 8), (3, 1 / 8)]


def places(picture: Image.Image, color: tuple[int, int, int], below: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a color below the image."""
    ys, xs = np.nonzero((np.asarray(picture)[below:] == color).all(-1))
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


@pytest.mark.parametrize(("width", "unit"), [(800, 20), (300, 12), (2000, 28)])
def test_squares_of_the_legend(width: int, unit: int) -> None:
    """Squares a 40th of the image wide, from 12 to 28 pixels, the largest class first."""
    labels = np.zeros((10, 10), np.int64)
    labels[:3], labels[9] = 1, 2
    picture = _with_legend(Image.new("RGB", (width, 100)), model(), sample(labels))
    assert picture.width == width and picture.height >= 100 + 3 * unit
    assert places(picture, COLORS[0], 100) == (unit, unit, 2 * unit, 2 * unit)
    first, second = places(picture, COLORS[0], 100), places(picture, COLORS[1], 100)
    if width >= 800:  # all in one line
        assert picture.height == 100 + 3 * unit and second[1] == unit and second[0] > first[2] + 4 * unit
    bright = (np.asarray(picture)[100:].min(-1) > 180).any(0)
    assert bright[2 * unit + 2 : 5 * unit].any() and not bright[: 2 * unit].any()  # the words are beside their square


def test_a_narrow_image_breaks_the_legend() -> None:
    labels = np.arange(4).repeat(3).reshape(3, 4)
    picture = _with_legend(Image.new("RGB", (120, 50)), model(), sample(labels))
    tops = [places(picture, color, 50)[1] for color in COLORS]
    lefts = [places(picture, color, 50)[0] for color in COLORS]
    assert lefts == [12] * 4 and tops == [12, 36, 60, 84]  # a line of two units each
    assert picture.size == (120, 50 + 84 + 24)


def test_a_legend_has_twelve_classes_at_most() -> None:
    drawn: list[int] = []
    many = SimpleNamespace(name_of=lambda label: drawn.append(label) or "x", color_of=lambda label: (9, 9, label))
    _with_legend(Image.new("RGB", (200, 10)), many, sample(np.arange(20)))
    assert drawn == list(range(12))


def test_names_reach_to_the_largest_label() -> None:
    assert _meta(model(), [3, 0]) == {"classes": ["wall", "sky", "a car", "4"], "palette": COLORS}
    assert len(_meta(model(), [0])["classes"]) == 3 and len(_meta(model(names=0), [])["classes"]) == 1


def test_names_are_in_the_legend_and_not_in_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """mmseg's visualizer takes minutes to write names into large images."""
    calls: list[tuple[object, ...]] = []

    class Visualizer:
        def __init__(self, alpha: float) -> None:
            calls.append((alpha,))

        def add_datasample(self, name: str, image: np.ndarray, sample: object, **options: bool) -> None:
            calls.append((name, image.shape, options, self.dataset_meta))  # type: ignore[attr-defined]

        def get_image(self) -> np.ndarray:
            return np.full((30, 400, 3), 77, np.uint8)

    monkeypatch.setitem(sys.modules, "mmseg.visualization", SimpleNamespace(SegLocalVisualizer=Visualizer))
    monkeypatch.setitem(sys.modules, "mmseg", SimpleNamespace())
    inferencer = model()
    inferencer.segments_pixels = True
    picture = draw_prediction(inferencer, np.zeros((30, 400, 3), np.uint8), sample(np.full((3, 4), 1)), opacity=0.4)
    meta = {"classes": ["wall", "sky", "a car"], "palette": COLORS[:3]}
    assert calls == [(0.4,), ("", (30, 400, 3), {"draw_gt": False, "with_labels": False}, meta)]
    assert (np.asarray(picture)[:30] == 77).all() and picture.height > 30
