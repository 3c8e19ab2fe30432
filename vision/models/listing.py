"""What there is to choose from: models with the weights that ship, and backbones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from vision.models.table import MODELS, ModelRow
from vision.published import PUBLISHED, Published

# Statistics of batch norm are in the file, but are no parameters.
_NOT_TRAINED = ("running_mean", "running_var", "num_batches_tracked")


def list_models() -> list[dict[str, Any]]:
    """One record per model: name, task, parameters, whether it ships weights, their path, bytes and card (or None).

    Under "published", what is known of its authors' own weights, if they publish any.
    """
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
            "published": published_record(PUBLISHED[variant.checkpoint]),
        }
        for name, variant in VARIANTS.items()
    ]


def list_published() -> list[dict[str, Any]]:
    """One record per published file of weights, with where this machine has it (or None)."""
    from vision.hub import find_file

    return [
        {
            "name": row.name,
            "task": row.task,
            "million_parameters": row.million_parameters,
            **published_record(row),
            "path": (found := find_file(row)) and str(found),
        }
        for row in PUBLISHED.values()
    ]


def published_record(row: Published) -> dict[str, Any]:
    """What is known of a file of weights, wherever it is. A size or digest that nobody publishes is None."""
    return {
        "url": row.url,
        "file": row.file,
        "bytes": row.bytes,
        "about_bytes": row.about_bytes,
        "sha256": row.sha256 or None,
        "license": row.license,
        "figures": dict(row.figures),
    }


def _describe(row: ModelRow) -> dict[str, Any]:
    weights, card, published = row.weights_path, row.card_path, PUBLISHED.get(row.name)
    found = weights if weights is not None and weights.is_file() else None
    return {
        "name": row.name,
        "task": row.task,
        "parameters": row.parameters if weights is None else found and _count_in_header(found),
        "ships_weights": weights is not None,
        "weights": found and str(found),
        "bytes": found and found.stat().st_size,
        "card": str(card) if card is not None and card.is_file() else None,
        "published": None if published is None else published_record(published),
    }


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
