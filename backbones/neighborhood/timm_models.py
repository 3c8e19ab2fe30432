"""The published models in timm's registry: `timm.create_model("dinat_tiny")` after `import backbones`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import (
    build_model_with_cfg,
    generate_default_cfgs,
    register_model,
    register_notrace_function,
    register_notrace_module,
)
from torch import Tensor, nn

from backbones.neighborhood.arguments import check_images
from backbones.neighborhood.embedding import PatchEmbed, PatchMerging
from backbones.neighborhood.variants import VARIANTS, Variant
from vision.layers import NeighborhoodAttention2D

if TYPE_CHECKING:
    from backbones.neighborhood.transformer import NeighborhoodTransformer


def _default_cfg(variant: Variant) -> dict[str, Any]:
    size = variant.image_size
    return {
        "url": variant.url,
        "num_classes": variant.num_classes,
        "input_size": (3, size, size),
        "pool_size": (size // 32, size // 32),
        "crop_pct": 0.875 if size == 224 else 1.0,
        "interpolation": "bicubic",
        "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD,
        "first_conv": "patch_embed.proj" if variant.family == "DiNATS" else "patch_embed.proj.0",
        "classifier": "head",
        "license": "mit",
    }


default_cfgs = generate_default_cfgs({name: _default_cfg(variant) for name, variant in VARIANTS.items()})


# What looks at shapes stays whole when timm traces a model with FX.
register_notrace_function(check_images)
for part in (NeighborhoodAttention2D, PatchEmbed, PatchMerging):
    register_notrace_module(part)


def _create(name: str, pretrained: bool, **kwargs: Any) -> NeighborhoodTransformer:
    # Imported late: these classes import timm, whose import may be what registers the entry points.
    import backbones

    variant = VARIANTS[name]
    arguments = {**variant.arguments(), **kwargs}
    stages = tuple(range(len(arguments["depths"])))
    return build_model_with_cfg(
        getattr(backbones, variant.family),
        name,
        pretrained,
        pretrained_filter_fn=_in_our_names,
        feature_cfg={"out_indices": stages, "feature_cls": "getter"},
        **arguments,
    )


def _in_our_names(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    from backbones.checkpoint import convert_state_dict

    return convert_state_dict(state)


@register_model
def nat_mini(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """NAT-Mini."""
    return _create("nat_mini", pretrained, **kwargs)


@register_model
def nat_tiny(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """NAT-Tiny."""
    return _create("nat_tiny", pretrained, **kwargs)


@register_model
def nat_small(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """NAT-Small."""
    return _create("nat_small", pretrained, **kwargs)


@register_model
def nat_base(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """NAT-Base."""
    return _create("nat_base", pretrained, **kwargs)


@register_model
def dinat_mini(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Mini."""
    return _create("dinat_mini", pretrained, **kwargs)


@register_model
def dinat_tiny(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Tiny."""
    return _create("dinat_tiny", pretrained, **kwargs)


@register_model
def dinat_small(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Small."""
    return _create("dinat_small", pretrained, **kwargs)


@register_model
def dinat_base(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Base."""
    return _create("dinat_base", pretrained, **kwargs)


@register_model
def dinat_large(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Large."""
    return _create("dinat_large", pretrained, **kwargs)


@register_model
def dinat_large_384(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Large, for 384x384 pixels."""
    return _create("dinat_large_384", pretrained, **kwargs)


@register_model
def dinat_large_384_11x11(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Large, kernel 11, for 384x384 pixels."""
    return _create("dinat_large_384_11x11", pretrained, **kwargs)


@register_model
def dinat_large_21k(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Large, of ImageNet-22k."""
    return _create("dinat_large_21k", pretrained, **kwargs)


@register_model
def dinat_large_21k_11x11(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT-Large, kernel 11, of ImageNet-22k."""
    return _create("dinat_large_21k_11x11", pretrained, **kwargs)


@register_model
def dinat_s_tiny(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT_s-Tiny."""
    return _create("dinat_s_tiny", pretrained, **kwargs)


@register_model
def dinat_s_small(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT_s-Small."""
    return _create("dinat_s_small", pretrained, **kwargs)


@register_model
def dinat_s_base(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT_s-Base."""
    return _create("dinat_s_base", pretrained, **kwargs)


@register_model
def dinat_s_large(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT_s-Large."""
    return _create("dinat_s_large", pretrained, **kwargs)


@register_model
def dinat_s_large_384(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT_s-Large, for 384x384 pixels."""
    return _create("dinat_s_large_384", pretrained, **kwargs)


@register_model
def dinat_s_large_21k(pretrained: bool = False, **kwargs: Any) -> NeighborhoodTransformer:
    """DiNAT_s-Large, of ImageNet-22k."""
    return _create("dinat_s_large_21k", pretrained, **kwargs)
