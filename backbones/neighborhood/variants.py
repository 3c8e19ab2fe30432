"""The published NAT, DiNAT and DiNAT_s models: sizes, cost and accuracy as their papers and repository state them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backbones.neighborhood.dilations import recommend_dilations
from vision.published import PUBLISHED

_IMAGENET_22K_CLASSES = 21841


@dataclass(frozen=True)
class Variant:
    """One published model.

    Attributes:
        family: class that builds it: "NAT", "DiNAT" or "DiNATS".
        embed_dim, depths, num_heads, mlp_ratio, drop_path_rate, layer_scale, kernel_size: arguments of that class.
        checkpoint: name of the official weights in `vision.published`.
        params: million parameters as published; None where nothing was.
        gmacs: published cost of one image in 10**9 multiply-accumulates.
        top1: published ImageNet-1k accuracy in percent.
        image_size: pixels of a side that the model was trained at.
        num_classes: logits of the official checkpoint.
    """

    family: str
    embed_dim: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    mlp_ratio: float
    drop_path_rate: float
    checkpoint: str
    params: float | None
    gmacs: float | None
    top1: float | None
    layer_scale: float | None = None
    kernel_size: int = 7
    image_size: int = 224
    num_classes: int = 1000

    @property
    def url(self) -> str:
        """Where the authors publish the weights."""
        return PUBLISHED[self.checkpoint].url

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the class."""
        arguments: dict[str, Any] = {
            "embed_dim": self.embed_dim,
            "depths": self.depths,
            "num_heads": self.num_heads,
            "kernel_size": self.kernel_size,
            "mlp_ratio": self.mlp_ratio,
            "drop_path_rate": self.drop_path_rate,
            "layer_scale": self.layer_scale,
        }
        if self.family != "NAT":
            arguments["dilations"] = recommend_dilations(self.image_size, self.kernel_size, self.depths)
        return arguments


_MINI, _DEEP = (3, 4, 6, 5), (3, 4, 18, 5)
_S_TINY, _S_DEEP = (2, 2, 6, 2), (2, 2, 18, 2)
_HEADS = {64: (2, 4, 8, 16), 96: (3, 6, 12, 24), 128: (4, 8, 16, 32), 192: (6, 12, 24, 48)}


def _nat(dim: int, depths: tuple[int, ...], mlp: float, drop: float, name: str, *cost: Any, **more: Any) -> Variant:
    return Variant("NAT", dim, depths, _HEADS[dim], mlp, drop, name, *cost, **more)


def _dinat(dim: int, depths: tuple[int, ...], mlp: float, drop: float, name: str, *cost: Any, **more: Any) -> Variant:
    family = "DiNATS" if depths in (_S_TINY, _S_DEEP) else "DiNAT"
    return Variant(family, dim, depths, _HEADS[dim], mlp, drop, name, *cost, **more)


_22K: dict[str, Any] = {"num_classes": _IMAGENET_22K_CLASSES}
_AT_384: dict[str, Any] = {"image_size": 384}
_11X11: dict[str, Any] = {"image_size": 384, "kernel_size": 11}
_NONE = (None, None, None)

# name: channels, depths, MLP ratio, drop path, weights; million parameters, GMACs, top-1.
VARIANTS = {
    "nat_mini": _nat(64, _MINI, 3, 0.2, "nat_mini", 19.98, 2.69, 81.8),
    "nat_tiny": _nat(64, _DEEP, 3, 0.2, "nat_tiny", 27.90, 4.30, 83.2),
    "nat_small": _nat(96, _DEEP, 2, 0.3, "nat_small", 50.74, 7.77, 83.7, layer_scale=1e-5),
    "nat_base": _nat(128, _DEEP, 2, 0.5, "nat_base", 89.77, 13.68, 84.3, layer_scale=1e-5),
    "dinat_mini": _dinat(64, _MINI, 3, 0.2, "dinat_mini", 19.98, 2.69, 81.8),
    "dinat_tiny": _dinat(64, _DEEP, 3, 0.2, "dinat_tiny", 27.90, 4.30, 82.7),
    "dinat_small": _dinat(96, _DEEP, 2, 0.3, "dinat_small", 50.72, 7.77, 83.8),
    "dinat_base": _dinat(128, _DEEP, 2, 0.5, "dinat_base", 89.77, 13.68, 84.4, layer_scale=1e-5),
    "dinat_large": _dinat(192, _DEEP, 2, 0.35, "dinat_large", 200.94, 30.5, 86.6),
    "dinat_large_384": _dinat(192, _DEEP, 2, 0.35, "dinat_large_384", 200.94, 89.5, 87.4, **_AT_384),
    "dinat_large_384_11x11": _dinat(192, _DEEP, 2, 0.35, "dinat_large_384_11x11", 201.14, 92.1, 87.5, **_11X11),
    "dinat_large_21k": _dinat(192, _DEEP, 2, 0.2, "dinat_large_21k", *_NONE, **_22K),
    "dinat_large_21k_11x11": _dinat(192, _DEEP, 2, 0.2, "dinat_large_21k_11x11", *_NONE, **_22K, **_11X11),
    "dinat_s_tiny": _dinat(96, _S_TINY, 4, 0.2, "dinat_s_tiny", 28.29, 4.49, 81.8),
    "dinat_s_small": _dinat(96, _S_DEEP, 4, 0.3, "dinat_s_small", 49.61, 8.74, 83.5),
    "dinat_s_base": _dinat(128, _S_DEEP, 4, 0.5, "dinat_s_base", 87.77, 15.43, 83.8),
    "dinat_s_large": _dinat(192, _S_DEEP, 4, 0.35, "dinat_s_large", 196.53, 34.5, 86.5),
    "dinat_s_large_384": _dinat(192, _S_DEEP, 4, 0.35, "dinat_s_large_384", 196.53, 101.3, 87.4, **_AT_384),
    "dinat_s_large_21k": _dinat(192, _S_DEEP, 4, 0.2, "dinat_s_large_21k", *_NONE, **_22K),
}

# What a model without variant is made with. Its width, depths and heads have no default: they are the model.
_DEFAULTS: dict[str, Any] = {"kernel_size": 7, "mlp_ratio": 4.0, "drop_path_rate": 0.2}
_NEEDED = ("embed_dim", "depths", "num_heads")
_FAMILIES = {"nat": "NAT", "dinat": "DiNAT", "dinat_s": "DiNATS"}


def variant_names(family: str) -> list[str]:
    """What `variant` may be for a family, "nat", "dinat" or "dinat_s"."""
    prefix = f"{family}_"
    return [name.removeprefix(prefix) for name, variant in VARIANTS.items() if variant.family == _FAMILIES[family]]


def complete_arguments(family: str, variant: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments given, with the variant's values, else the defaults, in place of None.

    Raises:
        ValueError: the family has no such variant; or none is named, and embed_dim, depths or num_heads is missing.
    """
    if variant is None:
        values = _DEFAULTS
    elif variant in variant_names(family):
        values = VARIANTS[f"{family}_{variant}"].arguments()
    else:
        raise ValueError(
            f"unknown variant {variant!r} of {_FAMILIES[family]}; available: {', '.join(variant_names(family))}"
        )
    complete = {name: values.get(name) if value is None else value for name, value in given.items()}
    missing = [name for name in _NEEDED if complete[name] is None]
    if missing:
        raise ValueError(
            f"{_FAMILIES[family]} needs {', '.join(_NEEDED)}, or a variant ({', '.join(variant_names(family))}); "
            f"missing: {', '.join(missing)}"
        )
    return complete
