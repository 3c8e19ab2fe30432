"""Which point is to answer for which box, and what wrong answers cost."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from heads.one_stage import DenseOutput, dense_loss
from heads.one_stage.loss import assign

NONE = torch.zeros(0, 4)


def grid(size: int = 64, stride: int = 8) -> Tensor:
    at = (torch.arange(size // stride) + 0.5) * stride
    return torch.stack((at.repeat(len(at)), at.repeat_interleave(len(at))), -1)


def answers(boxes: Tensor, score: float = 0.0) -> DenseOutput:
    """Every point says the box that holds its center, or an empty one, in sharp distributions of 11 bins."""
    points, strides = grid(), torch.full((64,), 8.0)
    sides = torch.zeros(64, 4)
    for box in boxes:
        inside = ((points > box[:2]) & (points < box[2:])).all(1)
        sides[inside] = torch.cat((points - box[:2], box[2:] - points), 1)[inside] / 8
    low = sides.floor().clamp(0, 9)
    share = (sides - low)[..., None]
    bins = torch.arange(11)
    weights = (bins == low[..., None]) * (1 - share) + (bins == low[..., None] + 1) * share
    return DenseOutput(torch.full((1, 64, 1), score), weights.clamp(min=1e-12).log()[None], points, strides)


def test_points_inside_answer_and_the_best_as_well_as_it_fits() -> None:
    box = torch.tensor([[16.0, 16.0, 40.0, 48.0]])
    out = answers(box)
    taken = assign(out.logits[0], out.boxes()[0], out.points, box, torch.tensor([0]), NONE)
    inside = ((out.points > box[0, :2]) & (out.points < box[0, 2:])).all(1)
    assert inside.sum() == 12 and torch.equal(taken.box >= 0, inside)
    # All fit perfectly, so all are to score 1.
    torch.testing.assert_close(taken.quality[inside], torch.ones(12, 1))
    assert taken.quality[~inside].abs().sum() == 0 and taken.counts.all()


def test_a_point_in_two_boxes_answers_for_the_one_it_fits() -> None:
    boxes = torch.tensor([[0.0, 0.0, 64.0, 64.0], [16.0, 16.0, 32.0, 32.0]])
    out = answers(boxes)  # the small box's points say the small box
    taken = assign(out.logits[0], out.boxes()[0], out.points, boxes, torch.tensor([0, 0]), NONE)
    inside = ((out.points > 16) & (out.points < 32)).all(1)
    assert set(taken.box[inside].tolist()) == {1}
    assert 0 in taken.box[~inside]


def test_a_box_that_nothing_fits_takes_its_center() -> None:
    points = grid()
    nowhere = torch.cat((points - 0.5, points + 0.5), 1)
    box = torch.tensor([[1.0, 1.0, 63.0, 63.0], [33.0, 33.0, 34.0, 34.0]])  # the second holds no point
    taken = assign(torch.zeros(64, 1), nowhere, points, box, torch.tensor([0, 0]), NONE)
    assert (taken.box == 1).nonzero().tolist() == [[4 * 8 + 4]]
    assert (taken.box == 0).any()


def test_unknown_regions_are_not_judged_but_boxes_in_them_are() -> None:
    box = torch.tensor([[16.0, 16.0, 40.0, 48.0]])
    out = answers(box)
    region = torch.tensor([[0.0, 0.0, 32.0, 64.0]])
    taken = assign(out.logits[0], out.boxes()[0], out.points, box, torch.tensor([0]), region)
    assert torch.equal(taken.counts, (out.points[:, 0] > 32) | (taken.box >= 0))


def test_right_answers_cost_little_and_wrong_ones_more() -> None:
    box = torch.tensor([[16.0, 16.0, 40.0, 48.0]])
    right = answers(box)
    logits = torch.full((1, 64, 1), -8.0)
    logits[0, ((right.points > box[0, :2]) & (right.points < box[0, 2:])).all(1)] = 8.0
    labels = [torch.tensor([0])]
    good = dense_loss(right._replace(logits=logits), [box], labels, [NONE])
    # Bins split 0.5 to 0.5 cost their entropy at the least: corners lie 4 pixels off the centers' grid.
    assert good["loss_score"] < 1e-3 and good["loss_box"] < 1e-4
    assert good["loss_side"].item() == pytest.approx(0.25 * math.log(2), abs=1e-3)
    shifted = dense_loss(answers(box + 6)._replace(logits=logits), [box], labels, [NONE])
    silent = dense_loss(right._replace(logits=-logits.abs()), [box], labels, [NONE])
    assert shifted["loss_box"] > 0.3 and shifted["loss_side"] > 2 * good["loss_side"]
    assert silent["loss_score"] > 1


def test_pictures_without_boxes_teach_scores_alone() -> None:
    out = answers(NONE, score=2.0)
    out = out._replace(logits=out.logits.clone().requires_grad_(), sides=out.sides.clone().requires_grad_())
    losses = dense_loss(out, [NONE], [torch.zeros(0, dtype=torch.long)], [NONE])
    assert losses["loss_box"] == 0 and losses["loss_side"] == 0
    sum(losses.values()).backward()
    assert (out.logits.grad > 0).all()
    everywhere = torch.tensor([[0.0, 0.0, 64.0, 64.0]])
    assert dense_loss(out, [NONE], [torch.zeros(0, dtype=torch.long)], [everywhere])["loss_score"] == 0


def test_a_batch_is_judged_by_each_of_its_images() -> None:
    """Of two images, one without people: scores cost the sum of both, over the weight of all boxes."""
    box = torch.tensor([[16.0, 16.0, 40.0, 48.0]])
    one, other = answers(box), answers(NONE)
    both = DenseOutput(*(torch.cat((a, b)) for a, b in zip(one[:2], other[:2], strict=True)), one.points, one.strides)
    empty = torch.zeros(0, dtype=torch.long)
    alone = dense_loss(one, [box], [torch.tensor([0])], [NONE])
    nothing = dense_loss(other, [NONE], [empty], [NONE])
    joined = dense_loss(both, [box, NONE], [torch.tensor([0]), empty], [NONE, NONE])
    torch.testing.assert_close(joined["loss_box"], alone["loss_box"])
    torch.testing.assert_close(joined["loss_score"], alone["loss_score"] + nothing["loss_score"] / 12)
