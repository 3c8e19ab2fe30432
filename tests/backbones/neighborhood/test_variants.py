"""Published models by the name of their variant: the same as with their numbers, of which any can be given anew."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import backbones
from backbones.neighborhood import timm_models
from backbones.neighborhood.variants import VARIANTS

# Authors' training commands and papers: drop path, layer scale, side of the images, kernel size.
PUBLISHED = {
    "nat_mini": (0.2, None, 224, 7),
    "nat_tiny": (0.2, None, 224, 7),
    "nat_small": (0.3, 1e-5, 224, 7),
    "nat_base": (0.5, 1e-5, 224, 7),
    "dinat_mini": (0.2, None, 224, 7),
    "dinat_tiny": (0.2, None, 224, 7),
    "dinat_small": (0.3, None, 224, 7),
    "dinat_base": (0.5, 1e-5, 224, 7),
    "dinat_large": (0.35, None, 224, 7),
    "dinat_large_384": (0.35, None, 384, 7),
    "dinat_large_384_11x11": (0.35, None, 384, 11),
    "dinat_large_21k": (0.2, None, 224, 7),
    "dinat_large_21k_11x11": (0.2, None, 384, 11),
    "dinat_s_tiny": (0.2, None, 224, 7),
    "dinat_s_small": (0.3, None, 224, 7),
    "dinat_s_base": (0.5, None, 224, 7),
    "dinat_s_large": (0.35, None, 224, 7),
    "dinat_s_large_384": (0.35, None, 384, 7),
    "dinat_s_large_21k": (0.2, None, 224, 7),
}


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


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_what_was_published(name: str) -> None:
    variant = VARIANTS[name]
    assert (variant.drop_path_rate, variant.layer_scale, variant.image_size, variant.kernel_size) == PUBLISHED[name]
    crop = 0.875 if variant.image_size == 224 else 1.0
    assert timm_models.default_cfgs[name].default.crop_pct == crop


@pytest.mark.parametrize("family", ["NAT", "DiNAT", "DiNATS"])
def test_drop_path_rises_evenly_from_the_first_layer_to_the_last(family: str) -> None:
    with torch.device("meta"):
        model = getattr(backbones, family)(
            embed_dim=32, depths=(1, 2, 1, 2), num_heads=(1, 2, 4, 8), drop_path_rate=0.4
        )
    layers = [module for module in model.modules() if hasattr(module, "drop_path")]
    rates = [getattr(layer.drop_path, "drop_prob", 0.0) for layer in layers]
    assert rates == pytest.approx([0, 0.08, 0.16, 0.24, 0.32, 0.4])


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
