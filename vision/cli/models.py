"""`vision models`: which models and backbones there are, and the weights that come with them."""

from __future__ import annotations

import argparse
from typing import Any

from vision.models.listing import list_backbones, list_models

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
