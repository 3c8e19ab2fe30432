"""Images of any size, and what is said about arguments that make no model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import backbones
from backbones import recommend_dilations

ALL = (0, 1, 2, 3)
SIZES = [(1, 1), (2, 2), (3, 3), (7, 7), (13, 13), (31, 31), (1, 31), (31, 1), (2, 300), (33, 65), (50, 70), (127, 96)]
# With kernel 7 and dilation 8 the first stage's window is 56 tokens wide: 224 pixels.
PUBLISHED = {"kernel_size": 7, "dilations": [[1, 8], [1, 4], [2], [1]]}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_images_of_any_size_give_maps_and_logits(size: tuple[int, int], family: str, small: Callable[..., Any]) -> None:
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        logits = small(family)(x)
        maps = small(family, out_indices=ALL)(x)
    assert logits.shape == (2, 5) and torch.isfinite(logits).all()
    height, width = (math.ceil(side / 4) for side in size)
    for i, feature in enumerate(maps):
        assert feature.shape == (2, 8 * 2**i, height, width) and feature.is_contiguous()
        assert torch.isfinite(feature).all()
        height, width = math.ceil(height / 2), math.ceil(width / 2)


@pytest.mark.parametrize("size", [(1, 1), (31, 31), (64, 224), (230, 20)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_windows_wider_than_the_image_are_no_obstacle(size: tuple[int, int], small: Callable[..., Any]) -> None:
    for family in ("DiNAT", "DiNATS"):
        out = small(family, **PUBLISHED, out_indices=(0, 3))(torch.randn(1, 3, *size, requires_grad=True))
        assert [f.shape[2:] for f in out] == [tuple(math.ceil(side / 4 / n) for side in size) for n in (1, 8)]
        assert all(torch.isfinite(f).all() for f in out)


def test_an_empty_batch_passes_through(family: str, small: Callable[..., Any]) -> None:
    assert small(family)(torch.randn(0, 3, 40, 40)).shape == (0, 5)
    assert [f.shape[0] for f in small(family, out_indices=ALL)(torch.randn(0, 3, 40, 40))] == [0] * 4


def test_gray_images_and_many_bands(family: str, small: Callable[..., Any]) -> None:
    for channels in (1, 6):
        assert small(family, in_chans=channels)(torch.randn(2, channels, 45, 32)).shape == (2, 5)


@pytest.mark.parametrize("out_indices", [None, ALL])
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 32, 32), (1, 4, 32, 32), (3, 32, 32), (1, 3, 0, 32), (1, 3, 32, 0), (1, 32, 32, 3), (1, 3, 4, 32, 32)],
)
def test_what_is_no_batch_of_images_is_named(
    shape: tuple[int, ...], out_indices: Any, family: str, small: Callable[..., Any]
) -> None:
    model = small(family, out_indices=out_indices)
    with pytest.raises(ValueError, match=r"expected images \[B, 3, H, W\] of at least one pixel, got \(") as error:
        model(torch.zeros(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dilations": [[1, 1], [1, 1], [1, 1], [1]]}, r"dilations of stage 2 must have 1 entries.*got 2: \[1, 1\]"),
        ({"dilations": [[1, 1], [1], [1], [1]]}, r"dilations of stage 1 must have 2 entries.*got 1: \[1\]"),
        ({"dilations": [[1, 1]]}, r"dilations must have 4 entries, one per stage as depths has, got 1"),
        ({"dilations": [[1, 1], [1, 0], [1], [1]]}, r"dilations of stage 1 must be positive, got \[1, 0\]"),
        ({"depths": (2, 2, 0, 1)}, r"depths of stage 2 must be positive, got 0"),
        ({"num_heads": (1, 2, 2)}, r"num_heads must have 4 entries.*got 3"),
        ({"num_heads": (1, 3, 2, 4)}, r"num_heads of stage 1 must divide its 16 channels, got 3"),
        ({"num_heads": (0, 2, 2, 4)}, r"num_heads of stage 0 must divide its 8 channels, got 0"),
        ({"kernel_size": 4}, r"kernel_size must be an odd number from 3 on, got 4"),
        ({"kernel_size": 1}, r"kernel_size must be an odd number from 3 on, got 1"),
        ({"kernel_size": -3}, r"kernel_size must be an odd number from 3 on, got -3"),
        ({"in_chans": 0}, r"in_chans must be positive, got 0"),
        ({"out_indices": (0, 4)}, r"out_indices must be from 0 to 3, the stages, got 4"),
        ({"out_indices": (-5,)}, r"out_indices must be from 0 to 3, the stages, got -5"),
        ({"out_indices": ()}, r"out_indices must name at least one stage"),
        ({"last_stride": 4}, r"last_stride of \w+ must be (1 or )?2, got 4"),
        ({"frozen_stages": 5}, r"frozen_stages must be from -1 \(none\) to 4, got 5"),
        ({"frozen_stages": -2}, r"frozen_stages must be from -1 \(none\) to 4, got -2"),
        ({"global_pool": "max"}, r"global_pool must be 'avg' or '', got 'max'"),
    ],
)
def test_arguments_out_of_range_are_named(
    wrong: dict[str, Any], message: str, family: str, small_arguments: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(backbones, family)(**small_arguments(family, **wrong))


def test_the_pool_of_a_new_classifier_is_checked(small: Callable[..., Any]) -> None:
    model = small("NAT")
    with pytest.raises(ValueError, match="global_pool must be 'avg' or '', got 'token'"):
        model.reset_classifier(3, "token")
    assert model.num_classes == 5 and model.global_pool == "avg"


def test_negative_stages_count_from_the_last(family: str, small: Callable[..., Any]) -> None:
    x = torch.randn(1, 3, 40, 40)
    torch.testing.assert_close(small(family, out_indices=(-1, 0))(x), small(family, out_indices=(0, 3))(x))


@pytest.mark.parametrize("frozen", [-1, 0, 1, 3, 4])
@pytest.mark.parametrize("out_indices", [None, ALL])
def test_frozen_stages_learn_nothing_and_stay_in_eval_mode(
    frozen: int, out_indices: Any, family: str, small: Callable[..., Any]
) -> None:
    model = small(family, frozen_stages=frozen, out_indices=out_indices, drop_rate=0.3, drop_path_rate=0.5).train()
    parts = {"patch_embed": frozen >= 0, "pos_drop": frozen >= 0}
    parts |= {f"{model.stages_name}.{i}": i < frozen for i in ALL}
    for name, is_frozen in parts.items():
        assert all(module.training != is_frozen for module in model.get_submodule(name).modules()), name
    out = model(torch.randn(2, 3, 40, 40))
    sum(o.square().sum() for o in (out if isinstance(out, tuple) else [out])).backward()
    for key, parameter in model.named_parameters():
        is_frozen = any(key.startswith(f"{name}.") for name, value in parts.items() if value)
        assert parameter.requires_grad != is_frozen and (parameter.grad is None) == is_frozen, key
    assert not any(module.training for module in model.eval().modules())


N = 18  # layers of the third stage of the deep models
ONES = [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("size", "kernel", "depths", "published"),
    [
        (224, 7, (3, 4, 6, 5), [[1, 8, 1], [1, 4, 1, 4], [1, 2] * 3, ONES]),
        (224, 7, (3, 4, N, 5), [[1, 8, 1], [1, 4, 1, 4], [1, 2] * 9, ONES]),
        (384, 7, (3, 4, N, 5), [[1, 13, 1], [1, 6, 1, 6], [1, 3] * 9, ONES]),
        (384, 11, (3, 4, N, 5), [[1, 8, 1], [1, 4, 1, 4], [1, 2] * 9, ONES]),
        (224, 7, (2, 2, 6, 2), [[1, 8], [1, 4], [1, 2] * 3, [1, 1]]),
        (224, 7, (2, 2, N, 2), [[1, 8], [1, 4], [1, 2] * 9, [1, 1]]),
        (384, 7, (2, 2, N, 2), [[1, 13], [1, 6], [1, 3] * 9, [1, 1]]),
        (800, 7, (2, 2, 6, 2), [[1, 28], [1, 14], [1, 7] * 3, [1, 3]]),
        (32, 7, (1, 2), [[1], [1, 1]]),
    ],
)
def test_recommended_dilations_are_the_published_ones(
    size: int, kernel: int, depths: tuple[int, ...], published: list[list[int]]
) -> None:
    assert recommend_dilations(size, kernel, depths) == published
    assert recommend_dilations((size, 2 * size), kernel, depths) == published


@pytest.mark.parametrize(
    "arguments", [(0, 7, (1,)), (-1, 7, (1,)), ((0, 8), 7, (1,)), (224, 0, (1,)), (224, 7, ()), (224, 7, (1, 0))]
)
def test_no_dilations_for_no_image(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="image_size, kernel_size and depths must be positive, got"):
        recommend_dilations(*arguments)


def test_an_unknown_variant_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown variant 's_tiny' of DiNAT; available: mini, tiny, small, base"):
        backbones.DiNAT(variant="s_tiny")
    with pytest.raises(ValueError, match="unknown variant 'mini' of DiNATS; available: tiny, small, base, large"):
        backbones.DiNATS(variant="mini")


def test_a_model_without_variant_says_which_sizes_it_misses() -> None:
    with pytest.raises(ValueError, match=r"NAT needs embed_dim, depths, num_heads, or a variant \(mini, tiny, s.*\); "):
        backbones.NAT()
    with pytest.raises(ValueError, match=r"missing: depths, num_heads$"):
        backbones.NAT(64)


def test_a_last_stage_without_stride_has_the_same_weights_and_maps_of_twice_the_size(small: Callable[..., Any]) -> None:
    usual, dense = small("DiNAT", out_indices=ALL), small("DiNAT", out_indices=ALL, last_stride=1)
    dense.load_state_dict(usual.state_dict())
    x = torch.randn(1, 3, 70, 96)
    with torch.no_grad():
        coarse, fine = usual(x), dense(x)
    assert [f.shape[2:] for f in fine] == [(18, 24), (9, 12), (5, 6), (5, 6)]
    for i in range(3):
        torch.testing.assert_close(fine[i], coarse[i])
    assert [info["reduction"] for info in dense.feature_info] == [4, 8, 16, 16]
    with pytest.raises(ValueError, match=r"last_stride of DiNATS must be 2, got 1"):
        small("DiNATS", last_stride=1)
