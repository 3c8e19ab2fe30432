"""Scores and boxes of every point, and the sums of the pyramid before them."""

from __future__ import annotations

import torch
from torch import nn

from heads.one_stage import AdditivePyramid, DenseOutput, DistributionHead


def test_points_are_centers_row_by_row() -> None:
    head = DistributionHead(2, 4, strides=(8, 16), num_bins=5)
    out = head([torch.randn(3, 4, 2, 3), torch.randn(3, 4, 1, 2)])
    assert out.logits.shape == (3, 8, 2) and out.sides.shape == (3, 8, 4, 5)
    assert out.points.tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12], [8, 8], [24, 8]]
    assert out.strides.tolist() == [8.0] * 6 + [16.0] * 2


def test_boxes_are_means_of_their_distributions() -> None:
    sides = torch.full((1, 1, 4, 4), -50.0)
    for side, bins in enumerate(((1,), (2,), (0, 1), (3,))):  # two equal bins mean the place between them
        sides[0, 0, side, list(bins)] = 50.0
    out = DenseOutput(torch.zeros(1, 1, 1), sides, torch.tensor([[100.0, 60.0]]), torch.tensor([16.0]))
    torch.testing.assert_close(out.boxes(), torch.tensor([[[84.0, 28.0, 108.0, 108.0]]]))


def test_levels_are_in_the_order_of_the_maps() -> None:
    """A point's score depends on the map around it alone."""
    torch.manual_seed(0)
    head = DistributionHead(1, 4, strides=(8, 16))
    maps = [torch.randn(1, 4, 8, 8), torch.randn(1, 4, 4, 4)]
    before = head(maps).logits[0, :, 0]
    maps[1][0, :, 0, 3] += 1.0
    changed = (head(maps).logits[0, :, 0] != before).nonzero()[:, 0].tolist()
    assert changed == [64 + 2, 64 + 3, 64 + 6, 64 + 7]


def test_scores_begin_low() -> None:
    torch.manual_seed(0)
    scores = DistributionHead(3)([torch.randn(1, 128, 4, 4) for _ in range(3)]).logits.sigmoid()
    assert 0.005 < scores.mean() < 0.02


def test_pyramid_sums_down_and_up() -> None:
    pyramid = AdditivePyramid((1, 1, 1), 1)
    for layer in pyramid.lateral:
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
    maps = [torch.full((1, 1, 4 // 2**i, 8 // 2**i), value) for i, value in enumerate((1.0, 10.0, 100.0))]
    fine, middle, coarse = pyramid(maps)
    # Down: 100, 110, 111. Up: 111, 221, 321.
    assert fine.unique().tolist() == [111.0] and fine.shape == (1, 1, 4, 8)
    assert middle.unique().tolist() == [221.0] and coarse.unique().tolist() == [321.0]
