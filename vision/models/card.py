"""Cards of models: those that ship as they are, others by a template."""

from __future__ import annotations

from collections.abc import Mapping

import yaml
from torch import Tensor, nn

from vision.checkpoint import read_checkpoint
from vision.models.table import MODELS, ModelRow

_LIBRARY = "neighborhood-vision"


def card_of(model: nn.Module, pipeline: str, license: str | None, metrics: Mapping[str, float]) -> str:
    """Markdown with the head that the Hugging Face hub reads.

    Args:
        model: one of the table's classes, with any weights.
        pipeline: what the hub calls what it does.
        license: of the weights; None for that of shipped ones, if they are.
        metrics: name -> value, as measured.
    """
    row = shipped_row(model)
    if row is not None and row.card_path is not None and row.card_path.is_file():
        return _head(pipeline, license or row.license, row.figures) + row.card_path.read_text("utf-8")
    name, count = type(model).__name__, sum(parameter.numel() for parameter in model.parameters())
    lines = [
        f"# {name}",
        "",
        f"{count:,} parameters, safetensors. Weights of one's own: no card says how they were made.",
    ]
    lines += ["", f"License: {license}." if license else "License: none was stated.", "", "## Metrics", ""]
    measured = ["| metric | value |", "|---|---|", *(f"| {key} | {value:g} |" for key, value in metrics.items())]
    lines += measured if metrics else ["None were stated."]
    lines += ["", "## Use", "", "```python", f"from vision.models import {name}", ""]
    lines += [f'model = {name}.from_pretrained("this folder")', "```", ""]
    return _head(pipeline, license, metrics) + "\n".join(lines)


def shipped_row(model: nn.Module) -> ModelRow | None:
    """The row of the table whose shipped weights a model has, in whatever precision; None if it has others."""
    state = model.state_dict()
    for row in MODELS:
        path = row.weights_path
        if path is not None and path.is_file() and _is_same(state, read_checkpoint(path)[0]):
            return row
    return None


def _is_same(state: Mapping[str, Tensor], shipped: Mapping[str, Tensor]) -> bool:
    return state.keys() == shipped.keys() and all(
        value.shape == shipped[key].shape and bool((value.cpu() == shipped[key].to(value.dtype)).all())
        for key, value in state.items()
    )


def _head(pipeline: str, license: str | None, metrics: Mapping[str, float]) -> str:
    head = {"library_name": _LIBRARY, "pipeline_tag": pipeline, "tags": [_LIBRARY, "model_hub_mixin"]}
    if license is not None:
        head["license"] = license.lower()
    if metrics:
        head["metrics"] = list(metrics)
    return f"---\n{yaml.safe_dump(head, sort_keys=True)}---\n\n"
