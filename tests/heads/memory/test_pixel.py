"""Pixels of maps and boxes, and maps that attend to them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from heads.memory import EnhancementLayer, PixelMemory

STRIDE = 8


def placed(height: int, width: int) -> Tensor:
    """A map `[2, H, W]` whose pixels hold the (x, y) of their centers, in pixels of the input."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([x, y]) + 0.5) * STRIDE


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_maps_are_enhanced_pixel_by_pixel() -> None:
    memory = PixelMemory(8, num_heads=2)
    maps, keys = torch.randn(2, 8, 3, 5), torch.randn(7, 8)
    out = memory(maps, keys)
    assert out.shape == maps.shape
    for b, y, x in ((0, 0, 0), (0, 2, 4), (1, 1, 3)):
        torch.testing.assert_close(out[b, :, y, x], memory.layer(maps[b, :, y, x][None], keys)[0])
    each = torch.randn(2, 7, 8)
    torch.testing.assert_close(memory(maps, each)[1:], memory(maps[1:], each[1]))


def test_without_keys_maps_are_the_same() -> None:
    maps = torch.randn(2, 8, 3, 5)
    memory = PixelMemory(8, 2)
    assert torch.equal(memory(maps, torch.empty(0, 0)), maps)
    assert memory.eval()(maps, torch.empty(0, 0)) is maps


def test_its_layer_is_an_enhancement() -> None:
    assert isinstance(PixelMemory(8, 2).layer, EnhancementLayer)
    with pytest.raises(ValueError, match="pixels_per_box must be positive, got 0"):
        PixelMemory(8, 2, pixels_per_box=0)


corner = st.floats(-20, 100, width=32)


@settings(deadline=None, max_examples=60)
@given(
    boxes=st.lists(st.tuples(corner, corner, corner, corner), max_size=4),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    count=st.integers(1, 20),
)
def test_pixels_of_boxes_lie_in_them(
    boxes: list[tuple[float, float, float, float]], height: int, width: int, count: int
) -> None:
    memory = PixelMemory(2, 1, pixels_per_box=count)
    features = placed(height, width)
    inside_of_all = 0
    for box in boxes:
        x1, y1, x2, y2 = box
        pixels = memory.pixels_of_boxes(features, torch.tensor([box]), STRIDE, generator())
        assert len(pixels.unique(dim=0)) == len(pixels) <= count
        inside_of_all += len(pixels)
        centers = features.flatten(1).T
        lies = (centers[:, 0] >= x1) & (centers[:, 0] < x2) & (centers[:, 1] >= y1) & (centers[:, 1] < y2)
        if lies.any():
            assert len(pixels) == min(count, int(lies.sum()))
            known = {tuple(center) for center in centers[lies].tolist()}
            assert {tuple(pixel) for pixel in pixels.tolist()} <= known
        elif len(pixels):  # thinner than a pixel in one direction or both: the pixel around its middle
            reach = STRIDE / 2 + 1e-3
            assert ((pixels[:, 0] > x1 - reach) & (pixels[:, 0] < x2 + reach)).all()
            assert ((pixels[:, 1] > y1 - reach) & (pixels[:, 1] < y2 + reach)).all()
        else:
            assert x1 >= x2 or y1 >= y2 or x2 <= 0 or y2 <= 0 or x1 >= width * STRIDE or y1 >= height * STRIDE
    together = memory.pixels_of_boxes(features, torch.tensor(boxes).reshape(-1, 4), STRIDE, generator())
    assert len(together) == inside_of_all and together.shape[1] == 2


def test_small_and_impossible_boxes() -> None:
    memory = PixelMemory(2, 1)
    boxes = {
        (1.0, 1.0, 2.0, 2.0): [(4.0, 4.0)],  # between the centers
        (9.0, 0.0, 30.0, 7.0): [(12.0, 4.0), (20.0, 4.0), (28.0, 4.0)],
        (5.0, 5.0, 5.0, 9.0): [],
        (9.0, 9.0, 3.0, 3.0): [],
        (-9.0, -9.0, 0.0, 0.0): [],
        (float("nan"), 0.0, 9.0, 9.0): [],
        (0.0, 0.0, float("inf"), 8.0): [(4.0, 4.0), (12.0, 4.0), (20.0, 4.0), (28.0, 4.0)],
    }
    for box, expected in boxes.items():
        found = memory.pixels_of_boxes(placed(4, 4), torch.tensor([box]), STRIDE, generator())
        assert sorted(map(tuple, found.tolist())) == expected, box
    assert memory.pixels_of_boxes(placed(4, 4), torch.empty(0, 4), STRIDE, generator()).shape == (0, 2)


def test_all_pixels_of_a_box_are_as_likely() -> None:
    memory = PixelMemory(2, 1, pixels_per_box=4)
    boxes = torch.tensor([[0.0, 0.0, 32.0, 32.0]] * 400)
    pixels = memory.pixels_of_boxes(placed(4, 4), boxes, STRIDE, generator())
    counts = pixels.unique(dim=0, return_counts=True)[1]
    assert len(counts) == 16 and counts.sum() == 1600
    assert ((counts - 100).abs() < 45).all()


def test_random_pixels_are_of_the_whole_map() -> None:
    memory = PixelMemory(2, 1)
    features = placed(5, 6).requires_grad_()
    some = memory.random_pixels(features, 10, generator())
    assert some.shape == (10, 2) and len(some.detach().unique(dim=0)) == 10
    assert len(memory.random_pixels(features, 99, generator()).detach().unique(dim=0)) == 30
    assert memory.random_pixels(features, 0, generator()).shape == (0, 2)
    assert not torch.equal(some, memory.random_pixels(features, 10, generator(1)))
    assert torch.equal(some, memory.random_pixels(features, 10, generator()))
    some.sum().backward()  # in training, the references learn too
    assert features.grad is not None and features.grad.sum() == 20
