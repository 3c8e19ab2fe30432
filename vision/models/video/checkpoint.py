"""Weights of the video networks by name, and the COCO detector that their training starts from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vision.checkpoint import load_strict, read_checkpoint
from vision.models.table import VIDEO, default_model, find_model, model_names, require_model
from vision.models.video.arguments import checked_classes, checked_settings
from vision.models.video.network import VideoNetwork

# Arguments of `VideoNetwork` by variant; shipped files say more in their metadata.
VARIANTS: dict[str, dict[str, Any]] = {
    "people-nano": {
        "classes": ("person",),
        "memory": {"num_heads": 4, "pixels_per_box": 50, "bank": {"max_length": 4000, "key_length": 1000}},
    },
}


def video_models() -> list[str]:
    """Names that `video_detector` takes."""
    return model_names(VIDEO)


def video_detector(name: str = default_model(VIDEO), checkpoint: str | Path | None = None) -> VideoNetwork:
    """Build a video detector in eval mode.

    Args:
        name: "mamba_people_nano" (trained, shipped with the package).
        checkpoint: weights to load instead of the shipped ones: safetensors, or a training checkpoint.

    Raises:
        UsageError: unknown name.
        CheckpointError: the file is missing, corrupt, or of another model.
    """
    row = require_model(name, VIDEO)
    source = row.weights_path if checkpoint is None else checkpoint
    if source is None:
        return VideoNetwork(**VARIANTS[row.variant], variant=row.variant).eval()
    state, metadata = read_network(source)
    return network_of(row.variant, state, metadata, source).eval()


def read_network(source: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights in the names of `VideoNetwork`, and what their file says of them, its classes checked.

    Raises:
        CheckpointError: the file is missing, corrupt, or its classes are no list of names.
    """
    state, metadata = read_checkpoint(source)
    if "classes" in metadata:
        metadata["classes"] = checked_classes(metadata["classes"], f"checkpoint {source}")
    return {key.removeprefix("network."): value for key, value in state.items()}, metadata


def start_from(network: VideoNetwork, source: str | Path) -> None:
    """Begin a training with the weights of a trained network, which may have other classes, or no memory.

    What it learned of a class goes to the class of the same name. Classes that are new, and a memory where it had none,
    stay as they are.

    Args:
        network: takes the weights.
        source: name of a shipped model, or a file as `video_detector` reads it. One that does not name its classes has
            those of the network, if it has as many.

    Raises:
        CheckpointError: the file is missing, corrupt, or of another network.
    """
    row = find_model(str(source), VIDEO)
    path = source if row is None or row.weights_path is None else row.weights_path
    state, metadata = read_network(path)
    # What is shipped has the classes of its variant.
    known = metadata.get("classes", () if row is None else VARIANTS[row.variant]["classes"])
    start = network.state_dict()
    for key in start:
        if key.startswith("head.outs.") and key in state:
            state[key] = _with_classes(start[key], network.classes, state[key], known)
    kept = {key: value for key, value in start.items() if key.startswith("memory.")}
    learned = {key: value for key, value in state.items() if key in kept or not key.startswith("memory.")}
    load_strict(network, {**kept, **learned}, path)


def _with_classes(start: Tensor, classes: tuple[str, ...], learned: Tensor, known: tuple[str, ...]) -> Tensor:
    """Rows of the head's last convolution: one per class, then those of the boxes, which are the same for all."""
    rest = len(start) - len(classes)
    count = len(learned) - rest
    known = known if len(known) == count else (classes if len(classes) == count else ())
    if count < 1 or start.shape[1:] != learned.shape[1:]:
        return learned  # of another network, which loading says
    rows = [learned[known.index(name)] if name in known else start[i] for i, name in enumerate(classes)]
    return torch.cat([torch.stack([row.to(start) for row in rows]), learned[count:].to(start)])


def network_of(
    variant: str, state: Mapping[str, Tensor], metadata: Mapping[str, Any], source: str | Path
) -> VideoNetwork:
    """The variant with these weights, and with the classes and the settings of inference that their file names.

    Weights without any of a memory are those of a network that was trained without one.

    Args:
        variant: of the network.
        state, metadata: from `read_network`.
        source: the file, for messages.

    Raises:
        CheckpointError: they are of another network, or a setting is out of its range.
    """
    settings = checked_settings(metadata.get("settings", {}), f"checkpoint {source}")
    arguments = {**VARIANTS[variant], "classes": metadata.get("classes", VARIANTS[variant]["classes"])}
    if not any(key.startswith("memory.") for key in state):
        arguments["memory"] = None
    network = VideoNetwork(**arguments, settings=settings, variant=variant)
    load_strict(network, state, source)
    return network
