"""Count parameters and multiply-accumulates of models: timm's by name, ours among them, or of config files.

    python tools/get_flops.py dinat_tiny swin_tiny_patch4_window7_224
    python tools/get_flops.py configs/segmentation/upernet_dinat-mini_160k_ade20k-512x512.py --shape 512 2048
    python tools/get_flops.py --all

Counted from shapes, for one image: linear layers, convolutions, matrix products and attention; not biases, norms and
activations. Of a config, the backbone and the whole model are counted; of detectors and Mask2Former the whole model's
parameters alone, for what their heads compute depends on what they find or on samples.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from backbones.neighborhood.variants import VARIANTS
from vision.analysis.complexity import Cost, model_cost
from vision.cli.output import print_table
from vision.cli.process import program
from vision.errors import UsageError
from vision.models.timm_names import build_timm_model, timm_image_size

CONFIG_SUFFIXES = (".py", ".json", ".yml", ".yaml")
DETECTOR_SIZE = (800, 1280)  # of the papers' figures
OTHER_SIZE = (224, 224)
# The figures of large models are given with one digit after the point.
LARGE_GMACS = 20


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and print a table; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL_OR_CONFIG", help="timm's name of a model, or a config file")
    parser.add_argument("--shape", nargs=2, type=int, metavar=("H", "W"), help="pixels (those the model is made for)")
    parser.add_argument("--all", action="store_true", help="every NAT, DiNAT and DiNAT_s beside its stated figures")
    args = parser.parse_args(argv)
    if args.all == bool(args.models):
        parser.error("name models or config files, or give --all")
    shape = tuple(args.shape) if args.shape else None
    if shape is not None and min(shape) < 1:
        parser.error(f"--shape must be positive pixels, got {args.shape[0]} {args.shape[1]}")
    if args.all and shape is not None:
        parser.error("--all compares at the sizes of the stated figures; it takes no --shape")
    try:
        if args.all:
            print_table(
                ["model", "M params", "stated", "GMACs", "stated", "pixels"], [variant_row(n) for n in VARIANTS]
            )
        else:
            rows = [row for model in args.models for row in model_rows(model, shape)]
            print_table(["model", "part", "pixels", "M params", "GMACs"], rows)
    except UsageError as error:
        parser.error(str(error))
    return 0


def model_rows(model: str, shape: tuple[int, int] | None = None) -> list[list[str]]:
    """Lines of the table for a timm model or a config file.

    Raises:
        UsageError: there is no such model or file, or the model does not take this shape.
    """
    if model.endswith(CONFIG_SUFFIXES):
        return config_rows(model, shape)
    shape = shape or timm_image_size(model)
    return [_row(model, "whole", shape, timm_cost(model, shape))]


def timm_cost(name: str, shape: tuple[int, int]) -> Cost:
    """Cost of a timm model, built without memory."""
    with torch.device("meta"):
        model = build_timm_model(name, shape)
    return model_cost(model, shape)


def config_rows(path: str, shape: tuple[int, int] | None = None) -> list[list[str]]:
    """Lines of the table for a config: its backbone and the whole model.

    Raises:
        UsageError: the file is missing or has no model with a backbone, or this does not take the shape.
    """
    from vision.engine.config import load_config
    from vision.engine.openmmlab import build_model, scope_of

    cfg = load_config(path)
    model = build_model(cfg)
    backbone = getattr(model, "backbone", None)
    if backbone is None:
        raise UsageError(f"the model of config {path} has no backbone; nothing to count")
    shape = shape or _config_size(cfg)
    name = Path(path).stem
    whole = Cost(sum(parameter.numel() for parameter in model.parameters()), None)
    if scope_of(cfg) != "mmdet":
        with suppress(TypeError):  # heads of queries, as Mask2Former's, do not run without samples
            whole = model_cost(model, shape, mode="tensor")
    return [_row(name, "backbone", shape, model_cost(backbone, shape)), _row(name, "whole", shape, whole)]


def variant_row(name: str) -> list[str]:
    """A line of the table of `--all`."""
    variant = VARIANTS[name]
    shape = (variant.image_size, variant.image_size)
    cost = timm_cost(name, shape)
    gmacs = (cost.macs or 0) / 1e9
    digits = gmacs_digits(gmacs)
    return [
        name,
        f"{cost.parameters / 1e6:.2f}",
        f"{variant.params:.2f}" if variant.params is not None else "-",
        f"{gmacs:.{digits}f}",
        f"{variant.gmacs:.{digits}f}" if variant.gmacs is not None else "-",
        f"{shape[0]}x{shape[1]}",
    ]


def gmacs_digits(gmacs: float) -> int:
    """Digits after the point with which a figure of this size is stated."""
    return 1 if gmacs >= LARGE_GMACS else 2


def _row(name: str, part: str, shape: tuple[int, int], cost: Cost) -> list[str]:
    gmacs = f"{cost.macs / 1e9:.2f}" if cost.macs is not None else "-"
    return [name, part, f"{shape[0]}x{shape[1]}", f"{cost.parameters / 1e6:.2f}", gmacs]


def _config_size(cfg: Any) -> tuple[int, int]:
    """The size that segmentors crop to, the papers' for detectors."""
    from vision.engine.openmmlab import scope_of

    if scope_of(cfg) == "mmdet":
        return DETECTOR_SIZE
    size = (cfg.model.get("data_preprocessor") or {}).get("size")
    return (size[0], size[1]) if size else OTHER_SIZE


if __name__ == "__main__":
    sys.exit(main())
