"""The match decoder as a whole: what comes out, in which order, of what it must not depend on, and how it starts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from heads import MatchDecoder
from heads.match.field import consistency, convex_upsample
from vision.layers.fields import pixel_grid, swap_views

DIMS = (8, 12, 16, 20)


def decoder(**options: Any) -> MatchDecoder:
    torch.manual_seed(0)
    return MatchDecoder(**{"in_channels": DIMS, "depths": (2, 1, 3, 1), "num_heads": 2, **options})


def features(batch: int = 1, h: int = 6, w: int = 7) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(2 * batch, c, h * 2 ** (3 - i), w * 2 ** (3 - i)) for i, c in enumerate(DIMS)]


def moving(model: MatchDecoder) -> MatchDecoder:
    """With weights under which every part moves the field, unlike in the beginning."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("stereo", [True, False])
def test_all_fields_come_out_in_order(stereo: bool) -> None:
    model = moving(decoder()).eval()
    with torch.no_grad():
        out = model(features(), stereo)
    assert out["init_flow"].shape == (2, 6, 7, 2)
    assert out["init_cv"].shape == (2, 7 if stereo else 42, 6, 7)
    heights = [field.shape[1] for field in out["field_all"]]
    # The first field of a finer stage is the enlarged one of the coarser.
    assert heights == [6, 6, 12, 12, 24, 24, 24, 24, 48, 48]
    assert [field.shape[1] for field in out["field_self"]] == [6, 6, 12, 24, 24, 24, 48]
    assert out["field_up"].shape == (2, 192, 224, 2) and out["self_rpos"].shape == (2, 48, 56, 2)
    fields = [out["init_flow"], *out["field_all"], *out["field_self"], out["field_up"]]
    assert all(f.shape[3] == 2 and f.isfinite().all() for f in fields)
    assert all(bool((f[..., 1] == 0).all()) is stereo for f in fields)
    assert (out["self_rpos"][..., 1] != 0).any()


def test_own_places_are_the_mean_of_the_heads_candidates() -> None:
    model, seen = moving(decoder(num_heads=4)).eval(), []
    for stage in model.stages:
        last = list(stage.children())[-1]
        last.register_forward_hook(lambda module, inputs, outputs: seen.append(outputs[2].double().numpy()))
    entered: list[Any] = []
    first = next(iter(model.stages[1].children()))
    first.register_forward_pre_hook(lambda module, inputs: entered.append(inputs[2]))
    with torch.no_grad():
        found = model(features())["self_rpos"].double().numpy()
    heads = [seen[-1][..., i, :] for i in range(4)]
    wanted = (heads[0] + heads[1] + heads[2] + heads[3]) / 4
    assert abs(heads[0] - wanted).max() > 1e-3  # the heads differ, and so do their mean and any of them
    assert abs(found - wanted).max() < 1e-5
    # The next stage starts all heads from that mean, enlarged by sums whose weights are positive and add up to 1.
    (candidates,) = entered
    assert candidates.shape[-2] == 4 and (candidates == candidates[..., :1, :]).all()
    mean = seen[0].mean(-2)
    assert 2 * mean.min() - 1e-4 <= candidates.min() and candidates.max() <= 2 * mean.max() + 1e-4


def test_pairs_of_a_batch_do_not_mix() -> None:
    model, maps = moving(decoder()).double().eval(), [f.double() for f in features(batch=2)]
    with torch.no_grad():
        both = model(maps)["field_up"]
        for i in range(2):
            alone = model([f[i::2] for f in maps])["field_up"]
            torch.testing.assert_close(alone, both[i::2], atol=1e-8, rtol=1e-8)


def test_training_starts_from_the_correlation() -> None:
    out = decoder()(features())
    for field in [*out["field_all"][:2], *out["field_self"][:2]]:
        torch.testing.assert_close(field, out["init_flow"])
    assert (out["self_rpos"] == 0).all()


def test_like_features_correlate_at_the_start() -> None:
    torch.manual_seed(3)
    wide = torch.randn(1, 20, 6, 14)
    maps = features(w=12)
    maps[-1] = torch.cat([wide[..., :12], wide[..., 2:]])  # what the left view has at x, the right has at x - 2
    field = decoder()(maps)["init_flow"]
    assert (field[0, :, 2:, 0].round() == -2).float().mean() > 0.5
    assert (field[1, :, :10, 0].round() == 2).float().mean() > 0.5


@pytest.mark.parametrize("stereo", [True, False])
def test_every_parameter_learns(stereo: bool) -> None:
    model = moving(decoder())
    out = model(features(), stereo)
    (out["field_up"].abs().sum() + out["init_cv"].square().sum()).backward()
    idle = [k for k, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()]
    assert not idle


def test_a_given_field_takes_the_place_of_the_correlations() -> None:
    model, maps = moving(decoder()).eval(), features()
    given = torch.full((2, 6, 7, 2), 1.5)
    with torch.no_grad():
        own = model(maps, stereo=False)
        assert torch.equal(model(maps, False, own["init_flow"])["field_up"], own["field_up"])
        out = model(maps, False, given)
        assert torch.equal(out["init_flow"], given) and torch.equal(out["init_cv"], own["init_cv"])
        assert not torch.equal(out["field_all"][0], own["field_all"][0])
        assert (model(maps, True, given)["init_flow"] == torch.tensor([1.5, 0.0])).all()


@pytest.mark.parametrize("how", ["autocast", "half weights"])
def test_coordinates_keep_float32(how: str) -> None:
    model, maps = decoder().eval(), features()
    given = torch.full((2, 6, 7, 2), 1.0 + 2.0**-12)  # bfloat16 would round it to 1
    if how == "half weights":
        model, maps = model.bfloat16(), [f.bfloat16() for f in maps]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        out = model(maps, False, given)
    for key in ("init_flow", "init_cv", "field_up", "self_rpos"):
        assert out[key].dtype == torch.float32
    # The beginning leaves the field alone; a multiplication and a division by 0.1 come between.
    torch.testing.assert_close(out["field_all"][1], given, atol=1e-6, rtol=0)
    inner = out["field_up"][:, 64:128, 64:128]
    torch.testing.assert_close(inner, torch.full_like(inner, float(given[0, 0, 0, 0]) * 32), atol=1e-3, rtol=0)


def test_consistency_is_that_of_both_ways() -> None:
    field = torch.zeros(2, 4, 12, 2)
    field[0, ..., 0], field[1, ..., 0] = -3, 3
    grid = pixel_grid(4, 12, field)
    found = consistency(field, grid).squeeze(-1)
    assert (found[0, :, 3:] == 1).all() and (found[0, :, :3] == 0).all()
    assert (found[1, :, :9] == 1).all() and (found[1, :, 9:] == 0).all()
    field[1, ..., 1] = 2  # 2 pixels off is too far, less is not
    assert (consistency(field, grid)[:, 1:-1] == 0).all()
    assert (consistency(field * 0.9, grid)[1, 1, :9] == 1).all()


def test_convex_upsampling_of_one_neighbor_copies_it() -> None:
    field, mask = torch.randn(1, 3, 4, 2), torch.zeros(1, 3, 4, 9, 2, 2)
    mask[..., 5, 0, 1] = 1e4  # new pixel (0, 1) of each old one: all from the neighbor on the right
    up = convex_upsample(field, mask.flatten(3), 2)
    torch.testing.assert_close(up[:, ::2, 1:-2:2], 2 * field[:, :, 1:])
    assert (up[:, ::2, -1] == 0).all()


def test_views_swap() -> None:
    assert swap_views(torch.arange(6)).tolist() == [3, 4, 5, 0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depths": (1, 1)}, "depths must have 4 entries"),
        ({"window_radius": (1, 1, 1)}, "window_radius must have 4 entries"),
        ({"num_heads": 3}, "num_heads must divide .*got 3"),
        ({"num_heads": 0}, "num_heads must divide .*got 0"),
        ({"depths": (1, 0, 1, 1)}, "depths must be positive"),
        ({"window_radius": (1, 1, 1, -1)}, "window_radius must not be negative"),
    ],
)
def test_arguments_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoder(**options)
