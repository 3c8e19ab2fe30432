"""What a config's test data set says of images that come from elsewhere: their preparation, and names of classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from vision.errors import UsageError


def test_dataset(cfg: Any) -> Any:
    """The config's test data set, that inside of wrappers.

    Raises:
        UsageError: it has none with a pipeline.
    """
    dataset = (cfg.get("test_dataloader") or {}).get("dataset")
    while dataset is not None and "pipeline" not in dataset:
        dataset = dataset.get("dataset") or (dataset.get("datasets") or [None])[0]
    if dataset is None:
        raise UsageError(
            f"config {os.fspath(cfg.filename)} has no test_dataloader whose dataset has a pipeline",
            code="bad-config",
            value=os.fspath(cfg.filename),
        )
    return dataset


def names_and_colors(dataset: Any) -> tuple[list[str], list[tuple[int, int, int]]]:
    """Names and RGB colors of the classes; empty where only the annotations know them.

    Raises:
        UsageError: the data set's type is not registered.
    """
    from mmengine.registry import DATASETS

    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = registry.get(dataset.type)
    if kind is None:
        raise UsageError(
            f"the config's dataset type {dataset.type!r} is registered nowhere; see custom_imports",
            code="bad-config",
            value=dataset.type,
        )
    known = {**getattr(kind, "METAINFO", {}), **(dataset.get("metainfo") or {})}
    palette = known.get("palette") or []
    colors = [(int(r), int(g), int(b)) for r, g, b in palette] if not isinstance(palette, str) else []
    names = known.get("classes") or []
    return [names] if isinstance(names, str) else list(names), colors


def image_steps(steps: Sequence[Any]) -> list[Any]:
    """A pipeline's transforms for an image in memory (`img`, BGR) without annotations, to be composed.

    Those that a pipeline for videos applies to every frame alike are applied to the one image.
    """
    return [{"type": "LoadImageFromNDArray"}, *_without_loading(steps)]


def kind_of(step: Any) -> str:
    """The name of a transform without the scope before it."""
    kind = step["type"]
    return kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]


def _without_loading(steps: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for step in steps:
        kind = kind_of(step)
        if kind == "TransformBroadcaster":
            found += _without_loading(step["transforms"])
        elif not kind.startswith("Load"):
            found.append(step)
    return found
