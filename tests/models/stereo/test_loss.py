"""The training loss of match attention networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vision.models.stereo.loss import FieldTarget, MatchLoss, consistency_error, field_error, initial_error

HEIGHT, WIDTH = 8, 16


def target(disparity: float = 4.0) -> FieldTarget:
    """A wall in front of both views: left moves left, right moves right; what leaves the image is hidden."""
    field = torch.zeros(2, HEIGHT, WIDTH, 2)
    field[0, ..., 0], field[1, ..., 0] = -disparity, disparity
    visible = torch.ones(2, HEIGHT, WIDTH)
    visible[0, :, : int(disparity)] = 0
    visible[1, :, WIDTH - int(disparity) :] = 0
    return FieldTarget(field, visible)


def output(truth: FieldTarget, error: float = 0.0) -> dict[str, Tensor | list[Tensor]]:
    """What a decoder gives whose every field is `error` pixels of the image too large."""
    coarse = truth.at(HEIGHT // 4, WIDTH // 4).field + error / 4
    volume = torch.full((2, WIDTH // 4, HEIGHT // 4, WIDTH // 4), 1e-3)
    volume[:, 1] = 1 - 3e-3
    return {
        "field_all": [coarse, coarse],
        "field_self": [coarse, coarse],
        "field_up": truth.field + error,
        "init_cv": volume,
    }


def test_a_perfect_answer_costs_nothing() -> None:
    losses = MatchLoss()(output(target()), target(), stereo=True)
    assert losses.pop("loss_initial") < 0.01
    assert all(value == 0 for value in losses.values())


def cost(distance: float) -> float:
    return 2 * ((1 + distance) ** 0.5 - 1)


def test_errors_count_in_pixels_of_the_image() -> None:
    losses = MatchLoss(self_weight=0.5)(output(target(), 1.0), target(), stereo=True)
    assert losses["loss_final"].item() == pytest.approx(cost(2.0))  # both coordinates are one pixel off
    assert losses["loss_cross"].item() == pytest.approx(cost(2.0))
    assert losses["loss_self"].item() == pytest.approx(cost(2.0) / 2)
    assert losses["epe"].item() == pytest.approx(2**0.5)


def test_later_fields_weigh_more() -> None:
    early, late = output(target()), output(target())
    wrong = target().at(HEIGHT // 4, WIDTH // 4).field + 1
    early["field_all"], late["field_all"] = [wrong, early["field_all"][1]], [late["field_all"][0], wrong]
    loss = MatchLoss(decay=0.5)
    ratio = loss(late, target(), True)["loss_cross"] / loss(early, target(), True)["loss_cross"]
    assert ratio.item() == pytest.approx(2.0)


def test_cross_branch_is_asked_where_the_other_view_sees_the_same_self_branch_everywhere() -> None:
    truth = target()
    hidden = truth.at(HEIGHT // 4, WIDTH // 4)
    wrong = hidden.field.clone()
    wrong[..., 0] += 3 * (hidden.visible == 0)
    assert field_error(wrong, truth, visible_only=True) == 0
    assert field_error(wrong, truth, visible_only=False) > 0


def test_unknown_truth_is_left_out_and_gives_no_nan() -> None:
    truth = target()
    truth.field[:, : HEIGHT // 2] = torch.nan
    truth.visible[:] = torch.nan
    answer = output(target(), 1.0)
    answer["field_up"] = answer["field_up"].requires_grad_()
    losses = MatchLoss()(answer, truth, stereo=True)
    assert all(value.isfinite() for value in losses.values())
    losses["loss_final"].backward()
    grad = answer["field_up"].grad
    assert (grad[:, : HEIGHT // 2] == 0).all() and (grad[:, HEIGHT // 2 :] != 0).all()
    nothing = FieldTarget(torch.full_like(truth.field, torch.nan), truth.visible)
    assert all(value == 0 for value in MatchLoss()(output(target(), 1.0), nothing, stereo=True).values())


def test_the_initial_distribution_is_asked_for_the_bins_round_the_truth() -> None:
    truth, between = target(), target()
    between.field[:] *= 1.5  # 1.5 bins
    volume = torch.full((2, WIDTH // 4, HEIGHT // 4, WIDTH // 4), 0.1)
    volume[:, 1], volume[:, 2] = 0.4, 0.4
    assert initial_error(volume, truth).item() == pytest.approx(-torch.tensor(0.4).log().item(), abs=1e-4)
    assert initial_error(volume, between).item() == pytest.approx(-torch.tensor(0.4).log().item(), abs=1e-4)
    volume[:, 1], volume[:, 3] = 0.1, 0.4
    assert initial_error(volume, truth) > initial_error(volume, between)


def test_consistency_is_where_the_way_there_and_back_ends() -> None:
    truth = target()
    field = truth.field.clone()
    assert consistency_error(field, truth).item() == pytest.approx(0.0, abs=1e-6)
    field[1, ..., 0] += 0.5
    assert consistency_error(field, truth).item() == pytest.approx(0.5, abs=1e-6)


def test_decay_is_checked() -> None:
    with pytest.raises(ValueError, match=r"decay must be in \(0, 1\], got 1.5"):
        MatchLoss(decay=1.5)
