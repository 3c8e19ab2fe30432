"""The training loss of match attention networks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vision.models.stereo.loss import (
    FieldTarget,
    MatchLoss,
    consistency_error,
    field_error,
    initial_error,
    make_target,
    masked_mean,
)

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


def test_a_target_is_taken_from_the_middle_of_every_block() -> None:
    field = torch.zeros(2, HEIGHT, WIDTH, 2)
    field[..., 0], field[..., 1] = torch.arange(WIDTH), 100 * torch.arange(HEIGHT)[:, None]
    visible = torch.arange(WIDTH).expand(2, HEIGHT, WIDTH).float()
    small = FieldTarget(field, visible).at(HEIGHT // 2, WIDTH // 4)
    for view in (0, 1):
        assert small.field[view, :, :, 0].tolist() == [[0.5, 1.5, 2.5, 3.5]] * 4  # columns 2, 6, 10, 14 of blocks of 4
        assert small.field[view, :, 0, 1].tolist() == [50, 150, 250, 350]  # rows 1, 3, 5, 7 of blocks of 2
        assert small.visible[view].tolist() == [[2, 6, 10, 14]] * 4


def test_truth_with_one_unknown_coordinate_is_unknown() -> None:
    truth = target()
    truth.field[0, 3, 5, 1] = torch.nan
    assert truth.known.sum() == 2 * HEIGHT * WIDTH - 1 and not truth.known[0, 3, 5]


def test_unknown_visibility_counts_in_errors_and_not_in_the_agreement() -> None:
    truth = target()
    truth.visible[:] = torch.nan
    field = truth.at(HEIGHT // 4, WIDTH // 4).field + 1
    assert field_error(field, truth, visible_only=True).item() == pytest.approx(cost(8.0))  # 4 pixels along x and y
    assert consistency_error(field, truth) == 0
    volume = torch.full((2, 4, HEIGHT // 4, WIDTH // 4), 0.25)
    assert initial_error(volume, truth).item() == pytest.approx(1.3863, abs=1e-4)  # log 4


def test_the_end_point_error_is_of_hidden_pixels_too() -> None:
    answer = output(target())
    answer["field_up"] = answer["field_up"] + 8 * (target().visible == 0)[..., None] * torch.tensor([0.6, 0.8])
    losses = MatchLoss()(answer, target(), stereo=True)
    assert losses["epe"].item() == pytest.approx(8 * 4 / 16)  # 4 of 16 columns are hidden
    assert losses["loss_final"].item() == pytest.approx(cost(8 * 1.4) / 4)


def test_weights_of_the_terms() -> None:
    """Of networks that are 4 pixels of the image off along both axes, with probabilities alike everywhere."""
    answer, truth = output(target(), 4.0), target()
    answer["init_cv"] = torch.full((2, 4, HEIGHT // 4, WIDTH // 4), 0.25)
    losses = MatchLoss()(answer, truth, stereo=True)
    found = {name: value.item() for name, value in losses.items()}
    off = cost(8.0)
    # Of the way there and back both are off by 1 pixel of the map, along both axes: 4 in all.
    expected = {"loss_final": off, "loss_cross": off, "loss_self": off / 2, "loss_initial": 2.77259, "epe": 32**0.5}
    assert found == pytest.approx({**expected, "loss_consistency": 0.05 * 4}, rel=1e-4)
    assert "loss_initial" not in MatchLoss()(answer, truth, stereo=False)
    assert "loss_initial" not in MatchLoss(initial_weight=0)(answer, truth, stereo=True)


def test_decay_of_three_layers() -> None:
    truth = target()
    right = truth.at(HEIGHT // 4, WIDTH // 4).field
    loss = MatchLoss()
    for layer, weight in enumerate((0.81, 0.9, 1.0)):
        answer = output(truth)
        answer["field_all"] = [right + (index == layer) for index in range(3)]
        found = loss(answer, truth, True)
        assert found["loss_cross"].item() == pytest.approx(cost(8.0) * weight / 2.71, rel=1e-5)
        assert (found["loss_consistency"] > 0) == (layer == 2)  # the last fields alone must agree
    assert MatchLoss(decay=1.0).decay == 1.0
    with pytest.raises(ValueError, match="decay"):
        MatchLoss(decay=0.0)


def test_bins_of_the_initial_distribution_at_its_ends() -> None:
    """Four bins, 0 to 3 pixels of the map: a truth of 0 is between 0 and 1; from 3 on there is no bin beyond."""
    volume = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 4, 1, 1).expand(2, 4, 2, 4)
    expected = {0.0: 0.1, 1.0: 0.125, 6.0: 0.25, 11.0: 0.375}  # pixels of the image -> probability
    for disparity, probability in expected.items():
        found = initial_error(volume, FieldTarget(target(disparity).field, torch.ones(2, HEIGHT, WIDTH))).item()
        assert found == pytest.approx(-math.log(probability), abs=2e-5), disparity
    for disparity in (12.0, 15.0):
        assert initial_error(volume, FieldTarget(target(disparity).field, torch.ones(2, HEIGHT, WIDTH))) == 0
    hidden = FieldTarget(target(4.0).field, torch.zeros(2, HEIGHT, WIDTH))
    assert initial_error(volume, hidden) == 0


def test_ways_that_leave_the_image_do_not_count() -> None:
    field = torch.zeros(2, 4, 8, 2)
    field[0, ..., 0], field[1, ..., 0] = -2.0, 2.0
    field[0, ..., 1], field[1, ..., 1] = 1.0, -1.0
    truth = FieldTarget(field, torch.ones(2, 4, 8))
    off = field.clone()
    off[:, :, :2] += 9  # left of column 2 the left view's ways leave the image
    off[1, :, :2] -= 9
    assert consistency_error(field, truth).item() == pytest.approx(0, abs=1e-5)
    assert consistency_error(off[:1].repeat(2, 1, 1, 1) * 0 + field, truth).item() == pytest.approx(0, abs=1e-5)
    lost = field.clone()
    lost[0, :, :2] += 9
    lost[0, 3] += 9  # the last row leads below the image
    assert consistency_error(lost, truth).item() < consistency_error(field + 1, truth).item()


@pytest.mark.parametrize(("values", "counts", "mean"), [([1, 2, 6], [1, 0, 1], 3.5), ([5.0], [0], 0.0)])
def test_masked_mean(values: list[float], counts: list[int], mean: float) -> None:
    assert masked_mean(torch.tensor(values, dtype=torch.float32), torch.tensor(counts).bool()).item() == mean


def test_a_target_of_a_batch() -> None:
    """Pairs of a batch become all left views, then all right ones; left pixels move left, right ones right."""
    disparity = torch.arange(1.0, 5).view(2, 2, 1, 1).expand(2, 2, 2, 3)
    made = make_target(list(disparity), None, None)
    assert made.field[:, 0, 0].tolist() == [[-1, 0], [-3, 0], [2, 0], [4, 0]]
    assert made.visible.shape == (4, 2, 3) and made.visible.isnan().all()
    seen = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(2, 2, 1, 1).expand(2, 2, 2, 3)
    flow = torch.arange(4.0).view(2, 2, 1, 1, 1).expand(2, 2, 2, 3, 2)
    made = make_target(disparity, flow, seen)  # of the two the field counts
    assert made.field[:, 0, 0].tolist() == [[0, 0], [2, 2], [1, 1], [3, 3]]
    assert made.visible[:, 0, 0].tolist() == [1, 0, 0, 1]
    with pytest.raises(ValueError, match="`disparity` or `field`"):
        make_target(None, None, seen)
