"""`vision models`: which models and backbones there are, and the weights that come with them or that others publish."""

from __future__ import annotations

import argparse
import os
from typing import Any

from vision.cli.arguments import add_allow_download
from vision.errors import UsageError
from vision.models.listing import list_backbones, list_models, list_published

_BACKBONES_TITLE = (
    "Backbones, also timm models after `import backbones`. ImageNet-1k accuracy is as published by the authors, "
    "not measured here. No weights ship."
)
_DESCRIPTION = """\
List the models and the weights that come with them.

Published weights are those of the papers' authors, under their licenses. --checkpoint takes their names, and so do
timm.create_model(NAME, pretrained=True) and configs. They are looked for in the folder that NBV_WEIGHTS names, in
torch's hub cache and in that of Hugging Face; the network is asked only with --allow-download or
NBV_ALLOW_DOWNLOAD=1."""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    parser = commands.add_parser(
        "models",
        help="list the models and the weights that come with them",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--published", action="store_true", help="list published weights, and which of them are here")
    kind.add_argument(
        "--download", metavar="NAME", help="check the published weights of this name; with --allow-download, fetch them"
    )
    add_allow_download(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(command: argparse.Namespace) -> int:
    """Print the lists, or where weights are.

    Returns:
        Exit code: always 0.

    Raises:
        UsageError: of `--download`: exit code 2.
    """
    from vision.cli.output import print_table, to_json

    if command.download is not None:
        print(to_json(_checked(command.download), indent=2) if command.json else _checked(command.download)["path"])
        return 0
    if command.published:
        published = list_published()
        if command.json:
            print(to_json(published, indent=2))
            return 0
        print_table(["name", "task", "MB", "license", "here", "address"], [_published_row(row) for row in published])
        return 0
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


def _checked(name: str) -> dict[str, Any]:
    """The record of published weights that are here, were read whole, and fit what was published of them."""
    from vision.checkpoint import read_published
    from vision.hub import file_sha256, find_file
    from vision.published import find_published

    row = find_published(name)
    if row is None:
        message = f"no published weights are called {name!r}; vision models --published lists their names"
        raise UsageError(message, code="unknown-model", value=name)
    read_published(row)
    record = next(record for record in list_published() if record["name"] == row.name)
    path = find_file(row)
    assert path is not None
    return {**record, "bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _published_row(row: dict[str, Any]) -> list[str]:
    about = "" if row["bytes"] else "~"
    here = os.path.dirname(row["path"]) if row["path"] else "-"
    return [row["name"], row["task"], f"{about}{row['about_bytes'] / 1e6:.0f}", row["license"], here, row["url"]]


def _row(model: dict[str, Any]) -> list[str]:
    absent = "missing: install the package again" if model["ships_weights"] else "none: give --checkpoint"
    size = f"{model['bytes'] / 1e6:.1f}" if model["bytes"] is not None else "-"
    count = f"{model['parameters']:,}" if model["parameters"] is not None else "-"
    note = f"card: {model['card']}" if model["card"] else ""
    if model["published"]:
        note = f"published weights: --checkpoint {model['name']} ({model['published']['license']})"
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
