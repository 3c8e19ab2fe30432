"""What an exported file says of itself: text by name, where lists and objects are JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vision
from vision.normalize import IMAGENET_MEAN, IMAGENET_STD
from vision.published import find_published

# Images go in as (pixels - mean) / std, where pixels are 0..255.
PIXELS = {"channels": "RGB", "layout": "NCHW", "range": [0, 255], "mean": [0.0] * 3, "std": [1.0] * 3}
IMAGENET = {**PIXELS, "mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)}

RANDOM_WEIGHTS = "random"


def metadata_of(
    model: str,
    task: str,
    *,
    paper: str,
    license: str | None,
    weights: str,
    normalization: Mapping[str, Any],
    sizes: Mapping[str, Any],
    labels: Sequence[str] | None = None,
    calibration: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What every file says, in this order.

    Args:
        model: name of the model.
        task: "stereo", "forgery" and the like.
        paper: where the network is described, such as "arXiv 2510.14260".
        license: of the weights; None where nobody said.
        weights: what they are: see `name_of_weights`.
        normalization: `PIXELS`, `IMAGENET` or the like.
        sizes: from `fixed_size` or `dynamic_sizes`.
        labels: names of the classes, in the order of the outputs.
        calibration: what turns outputs into probabilities and verdicts.
        more: what only this task has to say.
    """
    record = {
        "producer": f"neighborhood-vision {vision.__version__}",
        "model": model,
        "task": task,
        "paper": paper,
        "license": license or "not known: that of whoever made the weights",
        "weights": weights,
        "normalization": dict(normalization),
        "sizes": dict(sizes),
        "labels": None if labels is None else list(labels),
        "calibration": None if calibration is None else dict(calibration),
        **more,
    }
    return {name: value for name, value in record.items() if value is not None}


def name_of_weights(checkpoint: str | os.PathLike[str] | None, shipped: str | None) -> str:
    """The name of the file of weights, without its folder, which is nobody's affair; `RANDOM_WEIGHTS` if none."""
    return shipped or RANDOM_WEIGHTS if checkpoint is None else Path(checkpoint).name


def license_of_weights(checkpoint: str | os.PathLike[str] | None, shipped: str | None) -> str | None:
    """That of the shipped weights, or of published ones that are named; None for a file, which may come from anyone."""
    if checkpoint is None:
        return shipped
    row = find_published(os.fspath(checkpoint))
    return None if row is None else row.license


def fixed_size(height: int, width: int) -> dict[str, Any]:
    """A graph for images of one size."""
    return {"height": height, "width": width}


def dynamic_sizes(least: int, most: int, multiple: int = 1) -> dict[str, Any]:
    """A graph for images whose sides lie between two numbers and are multiples of a third."""
    return {"least": least, "most": most, "multiple": multiple}


def as_text(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as ONNX holds it: text stays, all else becomes JSON."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}


def from_text(properties: Mapping[str, str]) -> dict[str, Any]:
    """The inverse of `as_text`; text of a stranger that only looks like JSON stays text."""
    return {name: _value(text) for name, text in properties.items()}


def _value(text: str) -> Any:
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
