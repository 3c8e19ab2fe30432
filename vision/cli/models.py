"""`vision models`: which models and backbones there are, and the weights that come with them."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import struct
from pathlib import Path
from typing import Any

_MAX_HEADER = 1 << 26
# Statistics of batch norm are in the file, but are no parameters.
_NOT_TRAINED = ("running_mean", "running_var", "num_batches_tracked")
# Models without weights of their own; the rest must have their file.
UNTRAINED = frozenset(
    {"dual_frequency_paper", "match_stereo_tiny", "match_stereo_small", "match_stereo_base", "match_flow_base"}
)
_BACKBONES_TITLE = (
    "Backbones, also timm models after `import backbones`. ImageNet-1k accuracy is as published by the authors, "
    "not measured here. No weights ship."
)


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    text = "list the models and the weights that come with them"
    parser = commands.add_parser("models", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(command: argparse.Namespace) -> int:
    """Print the lists; always exit code 0."""
    from vision.cli.output import print_table, to_json

    models, backbones = list_models(), list_backbones()
    if command.json:
        print(to_json([*models, *backbones], indent=2))
        return 0
    columns = ["model", "task", "parameters", "MB", "weights", "notes"]
    print_table(columns, [_row(model) for model in models])
    print(f"\n{_BACKBONES_TITLE}")
    columns = ["model", "M parameters", "GMACs", "pixels", "top-1 %", "official weights"]
    print_table(columns, [_backbone_row(model) for model in backbones])
    return 0


def list_models() -> list[dict[str, Any]]:
    """A record a model: name, task, parameters, weights and card (paths or None), bytes, whether it ships weights."""
    from vision.models.forgery.network import WEIGHTS_DIR, forgery_models
    from vision.models.stereo.network import match_stereo_models

    tasks = dict.fromkeys(forgery_models(), "forgery")
    tasks |= {name: "flow" if "flow" in name else "stereo" for name in match_stereo_models()}
    return [_describe(name, task, Path(WEIGHTS_DIR)) for name, task in tasks.items()]


def list_backbones() -> list[dict[str, Any]]:
    """A record a backbone: name, task, million parameters, GMACs, pixels of a side, top-1 and address of its weights.

    What nobody has published is None. Parameters and GMACs are of the classifier.
    """
    # By name: this package does not depend on the backbones.
    variants = importlib.import_module("backbones.neighborhood.variants").VARIANTS
    return [
        {
            "name": name,
            "task": "classification",
            "million_parameters": variant.params,
            "gmacs": variant.gmacs,
            "image_size": variant.image_size,
            "num_classes": variant.num_classes,
            "published_top1": variant.top1,
            "weights": None,
            "url": variant.url,
        }
        for name, variant in variants.items()
    ]


def _describe(name: str, task: str, folder: Path) -> dict[str, Any]:
    weights, card = folder / f"{name}.safetensors", folder / f"{name}.md"
    has_weights = weights.is_file()
    return {
        "name": name,
        "task": task,
        "parameters": _parameters(name, task, weights if has_weights else None),
        "ships_weights": name not in UNTRAINED,
        "weights": str(weights) if has_weights else None,
        "bytes": weights.stat().st_size if has_weights else None,
        "card": str(card) if card.is_file() else None,
    }


def _row(model: dict[str, Any]) -> list[str]:
    absent = "missing: install the package again" if model["ships_weights"] else "none: give --checkpoint"
    size = f"{model['bytes'] / 1e6:.1f}" if model["bytes"] is not None else "-"
    count = f"{model['parameters']:,}" if model["parameters"] is not None else "-"
    note = f"card: {model['card']}" if model["card"] else ""
    return [model["name"], model["task"], count, size, model["weights"] or absent, note]


def _backbone_row(model: dict[str, Any]) -> list[str]:
    digits = {"million_parameters": 2, "gmacs": 1 if (model["gmacs"] or 0) >= 20 else 2, "published_top1": 1}
    figures = {key: "-" if model[key] is None else f"{model[key]:.{count}f}" for key, count in digits.items()}
    pixels = str(model["image_size"])
    return [
        model["name"],
        figures["million_parameters"],
        figures["gmacs"],
        pixels,
        figures["published_top1"],
        model["url"],
    ]


def _parameters(name: str, task: str, weights: Path | None) -> int | None:
    """Values in the weights file; without one, of a model built for it; None when that cannot be built."""
    if weights is not None:
        return _count_in_header(weights)
    if name not in UNTRAINED:
        return None
    import torch

    from vision.models import forgery_detector, match_stereo

    with torch.device("meta"):  # shapes alone
        model = forgery_detector(name) if task == "forgery" else match_stereo(name)
    return sum(parameter.numel() for parameter in model.parameters())


def _count_in_header(path: Path) -> int | None:
    """Trained values by the header of a safetensors file alone; None when the file is damaged."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, _MAX_HEADER)))
        shapes = {key: entry["shape"] for key, entry in header.items() if key != "__metadata__"}
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError):
        return None
    return sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(_NOT_TRAINED))
