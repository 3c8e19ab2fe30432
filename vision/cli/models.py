"""`vision models`: which models and backbones there are, and the weights that come with them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from vision.models.table import MODELS, ModelRow

# Statistics of batch norm are in the file, but are no parameters.
_NOT_TRAINED = ("running_mean", "running_var", "num_batches_tracked")
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
    """One record per model: name, task, parameters, whether it ships weights, their path, bytes and card (or None)."""
    return [_describe(row) for row in MODELS]


def list_backbones() -> list[dict[str, Any]]:
    """One record per backbone: name, task, million parameters, GMACs, pixels of a side, top-1, address of its weights.

    What nobody has published is None. Parameters and GMACs are of the classifier.
    """
    from backbones.neighborhood.variants import VARIANTS

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
        for name, variant in VARIANTS.items()
    ]


def _describe(row: ModelRow) -> dict[str, Any]:
    weights, card = row.weights_path, row.card_path
    found = weights if weights is not None and weights.is_file() else None
    return {
        "name": row.name,
        "task": row.task,
        "parameters": row.parameters if weights is None else found and _count_in_header(found),
        "ships_weights": weights is not None,
        "weights": found and str(found),
        "bytes": found and found.stat().st_size,
        "card": str(card) if card is not None and card.is_file() else None,
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


def _count_in_header(path: Path) -> int | None:
    """Trained values by the header of a safetensors file alone; None when the file is damaged or cannot be read."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:  # `vision doctor` says so
        return None
    try:
        with safe_open(path, framework="np") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError):
        return None
    return sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(_NOT_TRAINED))
