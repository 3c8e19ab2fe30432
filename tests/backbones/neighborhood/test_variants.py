"""Published models by the name of their variant: the same as with their numbers, of which any can be given anew."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import backbones
from backbones.neighborhood.variants import VARIANTS


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}


def settings(model: nn.Module) -> list[Any]:
    """What shapes do not show."""
    layers = [module for module in model.modules() if hasattr(module, "attn")]
    return [(layer.attn.num_heads, layer.attn.dilation, getattr(layer.drop_path, "drop_prob", 0)) for layer in layers]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_the_model_of_its_numbers(name: str) -> None:
    variant = VARIANTS[name]
    family = getattr(backbones, variant.family)
    with torch.device("meta"):
        by_name = family(variant=name.removeprefix(f"{family.family}_"))
        by_numbers = family(**variant.arguments())
    assert shapes(by_name) == shapes(by_numbers)
    assert settings(by_name) == settings(by_numbers)


def test_what_is_given_comes_before_the_variant() -> None:
    with torch.device("meta"):
        model = backbones.DiNAT(
            variant="base",
            embed_dim=64,
            num_heads=(2, 4, 8, 16),
            dilations=[[1] * 3, [1] * 4, [1] * 18, [5] * 5],
            drop_path_rate=0.0,
            out_indices=(0, 3),
        )
    assert [info["num_chs"] for info in model.feature_info] == [64, 128, 256, 512]
    assert settings(model)[-1] == (16, (5, 5), 0)
    assert model.stages[0].blocks[0].gamma1 is not None  # the variant's
    assert model.stages[0].blocks[0].mlp.fc1.out_features == 128
