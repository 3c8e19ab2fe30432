"""Weights of the video networks by name, and the COCO detector that their training starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vision.checkpoint import CheckpointError, load_strict, read_checkpoint
from vision.errors import UsageError
from vision.models.table import VIDEO, default_model, find_model, model_names
from vision.models.video.network import VideoNetwork

# Arguments of `VideoNetwork` by variant; shipped files say more in their metadata.
VARIANTS: dict[str, dict[str, Any]] = {
    "people-nano": {
        "classes": ("person",),
        "memory": {"num_heads": 4, "pixels_per_box": 50, "bank": {"max_length": 4000, "key_length": 1000}},
    },
}

# What a file may say of inference, each within its range.
_SETTINGS: dict[str, tuple[Any, Any]] = {"max_size": (32, 8192), "nms": (0.0, 1.0), "write_threshold": (0.0, 1.0)}


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
    row = find_model(name, VIDEO)
    if row is None:
        message = f"unknown video model {name!r}; available: {', '.join(video_models())}"
        raise UsageError(message, code="unknown-model", value=name)
    source = row.weights_path if checkpoint is None else checkpoint
    if source is None:
        return VideoNetwork(**VARIANTS[row.variant], variant=row.variant).eval()
    state, metadata = read_checkpoint(source)
    network = _network(row.variant, metadata, source)
    load_strict(network, {key.removeprefix("network."): value for key, value in state.items()}, source)
    return network.eval()


def _network(variant: str, metadata: dict[str, Any], source: str | Path) -> VideoNetwork:
    """The variant, with the settings of inference that the file names."""
    settings = metadata.get("settings", {})
    if not isinstance(settings, dict) or not set(settings) <= set(_SETTINGS):
        raise CheckpointError(f"checkpoint {source} has settings {settings!r}; expected some of {', '.join(_SETTINGS)}")
    for name, value in settings.items():
        low, high = _SETTINGS[name]
        if isinstance(value, bool) or not isinstance(value, type(low)) or not low <= value <= high:
            raise CheckpointError(f"checkpoint {source} has {name} = {value!r}; expected a number from {low} to {high}")
    return VideoNetwork(**VARIANTS[variant], settings=settings, variant=variant)
