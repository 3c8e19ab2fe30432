"""The published models in timm's registry: `timm.create_model("dinat_tiny")` after `import backbones`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import (
    PretrainedCfg,
    build_model_with_cfg,
    generate_default_cfgs,
    register_model,
    register_notrace_function,
    register_notrace_module,
    resolve_pretrained_cfg,
)
from torch import Tensor, nn

from backbones.neighborhood.arguments import check_images
from backbones.neighborhood.embedding import PatchEmbed, PatchMerging
from backbones.neighborhood.rel_pos_bias import fit_rel_pos_biases
from backbones.neighborhood.variants import VARIANTS, Variant
from vision.checkpoint import CheckpointError, check_fits, read_checkpoint, read_published
from vision.hub import find_file, published_at
from vision.layers import NeighborhoodAttention2D
from vision.published import PUBLISHED

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


# Arguments that change which parameters a model has, and their shapes; depths need as many dilations.
_SIZES = ("embed_dim", "depths", "num_heads", "dilations", "kernel_size", "mlp_ratio", "layer_scale", "qkv_bias")

default_cfgs = generate_default_cfgs({name: _default_cfg(variant) for name, variant in VARIANTS.items()})


# What looks at shapes stays whole when timm traces a model with FX.
register_notrace_function(check_images)
for part in (NeighborhoodAttention2D, PatchEmbed, PatchMerging):
    register_notrace_module(part)


def _create(name: str, pretrained: bool, **kwargs: Any) -> NeighborhoodTransformer:
    if not pretrained:
        return _build(name, None, **kwargs)
    given = kwargs.pop("pretrained_cfg", None), kwargs.pop("pretrained_cfg_overlay", None)
    config = resolve_pretrained_cfg(name, *given)
    if config.state_dict is not None or config.hf_hub_id:
        return _build(name, _in_our_names, pretrained_cfg=config, **kwargs)
    source, state = _published_state(name, config, kwargs.pop("cache_dir", None))
    check_fits(_shapes(name, config, state, kwargs), state, source)
    # timm would copy weights that a config holds, twice, and keep a copy in the model.
    config = replace(config, state_dict=dict.fromkeys(["taken from the filter"], torch.empty(0)))
    try:
        model = _build(name, lambda *_: state, pretrained_cfg=config, **kwargs)
    except RuntimeError as error:
        raise CheckpointError(f"checkpoint {source} does not fit {name}: {_reason(error)}") from error
    for part in model.modules():
        for held in (getattr(part, "pretrained_cfg", None), getattr(part, "default_cfg", None)):
            if isinstance(held, dict):
                held.pop("state_dict", None)
    return model


def _build(name: str, load: Callable[..., dict[str, Tensor]] | None, **kwargs: Any) -> NeighborhoodTransformer:
    """The model with random weights, or with what `load` makes of the config's state dict."""
    # Imported late: these classes import timm, whose import may be what registers the entry points.
    import backbones

    variant = VARIANTS[name]
    arguments = {**variant.arguments(), **kwargs}
    stages = tuple(range(len(arguments["depths"])))
    return build_model_with_cfg(
        getattr(backbones, variant.family),
        name,
        load is not None,
        pretrained_filter_fn=load,
        feature_cfg={"out_indices": stages, "feature_cls": "getter"},
        **arguments,
    )


def _published_state(name: str, config: PretrainedCfg, cache: str | None) -> tuple[str, dict[str, Tensor]]:
    """The file of the weights, and they in our names: what timm's config names, or has the address of."""
    from backbones.checkpoint import convert_state_dict

    if config.file:
        source, (state, _) = str(config.file), read_checkpoint(config.file)
    elif isinstance(config.url, str) and config.url:
        row = PUBLISHED[name] if config.url == PUBLISHED[name].url else published_at(config.url, name)
        state, _ = read_published(row, cache)
        source = str(find_file(row, cache))
    else:
        raise CheckpointError(f"model {name!r} has no address of weights; expected pretrained_cfg with file or url")
    try:
        return source, convert_state_dict(state)
    except ValueError as error:
        raise CheckpointError(f"checkpoint {source} is of another model than {name}: {error}") from error


def _shapes(name: str, config: PretrainedCfg, state: dict[str, Tensor], kwargs: dict[str, Any]) -> nn.Module:
    """The model without memory as the file should have it: with its classes and channels, all stages and the head."""
    head = state.get("head.weight")
    as_published = {
        "num_classes": config.num_classes if head is None or head.ndim == 0 else len(head),
        "in_chans": config.input_size[0],
    }
    taken = {key: value for key, value in kwargs.items() if key in _SIZES}
    with torch.device("meta"):
        model = _build(name, None, **taken, **as_published)
    fit_rel_pos_biases(state, model)
    return model


def _in_our_names(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    from backbones.checkpoint import convert_state_dict

    return convert_state_dict(state)


def _reason(error: Exception) -> str:
    """The first thing that torch complained about: its first line says in which class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[1] if len(lines) > 1 else "".join(lines))[:200]


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
