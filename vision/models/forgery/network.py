"""AI-image detectors by name, for inference: no training framework is imported."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vision.checkpoint import CheckpointError, load_strict, read_checkpoint
from vision.models.forgery.calibration import Calibration

WEIGHTS_DIR = Path(__file__).resolve().parents[2] / "weights"

# What `backbone` and `head` are made of. Models with shipped weights carry the same in their file's metadata.
PAPER: dict[str, Any] = {
    "backbone": {"type": "backbones:DualFrequencyNet"},
    "head": {"type": "heads:ForgeryHead", "in_channels": 512},
}


class ForgeryNetwork(nn.Module):
    """Backbone and head of an AI-image detector.

    Args:
        backbone: images `[B, 3, H, W]` -> feature maps.
        head: feature maps -> logits `[B]`.
        calibration: what turns logits into probabilities and verdicts.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, calibration: Calibration | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.calibration = calibration or Calibration()

    def logits(self, images: Tensor) -> Tensor:
        """ImageNet-normalized images `[B, 3, H, W]`, sides multiples of 4 -> logits `[B]`, positive for generated."""
        return self.head(self.backbone(images))

    forward = logits


def forgery_models() -> list[str]:
    """Names that `forgery_detector` takes."""
    return ["dual_frequency_demo", "dual_frequency_paper"]


def forgery_detector(name: str, checkpoint: str | Path | None = None) -> ForgeryNetwork:
    """Build an AI-image detector in eval mode.

    Args:
        name: "dual_frequency_demo" (trained, shipped with the package) or "dual_frequency_paper" (the published model;
            random weights unless a checkpoint is given).
        checkpoint: weights to load instead of the shipped ones: safetensors, a training checkpoint, or an official one.
            Architecture and calibration come from the file's metadata when it has them.

    Raises:
        ValueError: unknown name.
        CheckpointError: the file is missing, corrupt, or of another model.
    """
    if name not in forgery_models():
        raise ValueError(f"unknown forgery model {name!r}; available: {', '.join(forgery_models())}")
    shipped = WEIGHTS_DIR / f"{name}.safetensors"
    if checkpoint is None and name == "dual_frequency_paper":
        return build_network(PAPER).eval()
    state, metadata = read_checkpoint(shipped if checkpoint is None else checkpoint)
    if checkpoint is not None and "model" not in metadata:
        metadata = {
            "model": PAPER if name == "dual_frequency_paper" else read_checkpoint(shipped)[1]["model"],
            **metadata,
        }
    network = build_network(metadata["model"], metadata.get("calibration"))
    load_strict(network, _in_our_names(state, checkpoint or shipped), checkpoint or shipped)
    return network.eval()


def build_network(model: dict[str, Any], calibration: dict[str, Any] | None = None) -> ForgeryNetwork:
    """Build from `{"backbone": {"type": "package:Class", ...}, "head": {...}}`, of this project's packages alone."""
    try:
        backbone, head = (_build(model[part]) for part in ("backbone", "head"))
        return ForgeryNetwork(backbone, head, Calibration(**calibration) if calibration else None)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"model description {model!r} does not describe a forgery detector: {error}") from error


def _build(spec: dict[str, Any]) -> nn.Module:
    arguments = dict(spec)
    path = arguments.pop("type")
    if path.partition(":")[0] not in ("backbones", "heads"):
        raise CheckpointError(f"model part {path!r} is not one of this project's (backbones:..., heads:...)")
    return pkgutil.resolve_name(path)(**arguments)


def _in_our_names(state: dict[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    convert = pkgutil.resolve_name("backbones.checkpoint:convert_state_dict")
    try:
        return convert(state)
    except ValueError as error:
        raise CheckpointError(f"checkpoint {source} is of another model: {error}") from error
