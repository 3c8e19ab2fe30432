"""AI-image detectors by name, for inference: no training framework is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from backbones import DualFrequencyFoundationNet
from backbones.checkpoint import convert_state_dict
from vision.checkpoint import CheckpointError, load_strict, read_checkpoint
from vision.errors import UsageError
from vision.models.forgery.calibration import ForgeryCalibration
from vision.models.forgery.parts import build_part
from vision.models.hub import HubModel, check_keys
from vision.models.table import FORGERY, ModelRow, model_names, require_model
from vision.models.table import WEIGHTS_DIR as WEIGHTS_DIR

# What `backbone` and `head` are made of. Models with shipped weights carry the same in their file's metadata.
PAPER: dict[str, Any] = {
    "backbone": {"type": "backbones:DualFrequencyNet"},
    "head": {"type": "heads:ForgeryHead", "in_channels": 512},
}
# By the table's variant; what is not here is described by the shipped file alone.
_VARIANTS = {"paper": PAPER}


class ForgeryNetwork(HubModel):
    """Backbone and head of an AI-image detector.

    Args:
        backbone: images `[B, 3, H, W]` -> feature maps.
        head: feature maps -> logits `[B]`.
        calibration: what turns logits into probabilities and verdicts.
        description: what backbone and head are made of, as `build_network` takes it; only `save_pretrained` needs it.
    """

    pipeline = "image-classification"

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        calibration: ForgeryCalibration | None = None,
        description: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.description = description
        self.backbone = backbone
        self.head = head
        self.calibration = calibration or ForgeryCalibration()

    def logits(self, images: Tensor) -> Tensor:
        """ImageNet-normalized images `[B, 3, H, W]`, sides multiples of 4 -> logits `[B]`, positive for generated."""
        return self.head(self.backbone(images))

    forward = logits

    def hub_config(self) -> dict[str, Any]:
        """The description of its parts, and its calibration."""
        if self.description is None:
            message = "the network was made of modules, description is None; expected what build_network takes"
            raise UsageError(message)
        return {"model": self.description, "calibration": self.calibration.to_dict()}

    @classmethod
    def from_hub_config(cls, config: dict[str, Any], state: Mapping[str, Tensor]) -> ForgeryNetwork:
        """The network of `hub_config`; a foundation model's weights are looked for when it is first needed."""
        check_keys(config, ("model", "calibration"), "ForgeryNetwork")
        return build_network(config.get("model", {}), config.get("calibration"))

    def attach_foundation(self, weights: str | Path | None = None) -> None:
        """Load the frozen model of a detector that has one; the others need nothing.

        Args:
            weights: the user's file; None for the Hugging Face cache of this machine. Nothing is fetched.

        Raises:
            CheckpointError: the weights are missing, of another model, or not those that the detector learned with.
            UsageError: a file for a detector without a foundation model.
        """
        if isinstance(self.backbone, DualFrequencyFoundationNet):
            self.backbone.attach(weights)
        elif weights is not None:
            message = f"foundation is {str(weights)!r}, but this detector has no foundation model; expected None"
            raise UsageError(message, code="conflicting-arguments", value=weights)


def forgery_models() -> list[str]:
    """Names that `forgery_detector` takes."""
    return model_names(FORGERY)


def forgery_detector(
    name: str, checkpoint: str | Path | None = None, foundation: str | Path | None = None
) -> ForgeryNetwork:
    """Build an AI-image detector in eval mode.

    Args:
        name: "dual_frequency_wild" and "dual_frequency_demo" ship with weights; "dual_frequency_paper", the published
            model, has random ones unless a checkpoint is given.
        checkpoint: weights to load instead of the shipped ones: safetensors, a training checkpoint, or an official one.
            Architecture and calibration come from the file's metadata when it has them.
        foundation: weights of the timm model whose frozen features the checkpoint's detector uses, if it does; None for
            those in the Hugging Face cache of this machine. Nothing is fetched.

    Raises:
        UsageError: unknown name, or a foundation for a detector that uses none.
        CheckpointError: the file is missing, corrupt, or of another model.
    """
    row = require_model(name, FORGERY)
    source = row.weights_path if checkpoint is None else checkpoint
    if source is None:
        network = build_network(_VARIANTS[row.variant])
        network.attach_foundation(foundation)
        return network.eval()
    state, metadata = read_checkpoint(source)
    # A training checkpoint says nothing of its architecture: it is taken to be that of the model asked for.
    description = metadata["model"] if "model" in metadata else _description(row)
    network = build_network(description, metadata.get("calibration"))
    load_strict(network, _in_our_names(state, source), source)
    network.attach_foundation(foundation)
    return network.eval()


def build_network(model: dict[str, Any], calibration: dict[str, Any] | None = None) -> ForgeryNetwork:
    """Build from `{"backbone": {"type": "backbones:...", ...}, "head": {"type": "heads:...", ...}}`.

    Args:
        model: types are those of `PARTS` in `vision.models.forgery.parts`, with their arguments.
        calibration: arguments of `ForgeryCalibration`; None for one that changes nothing.

    Raises:
        CheckpointError: a type or an argument is unknown, a value is out of its range, or a part is missing.
    """
    try:
        backbone, head = (build_part(model[part]) for part in ("backbone", "head"))
        fitted = ForgeryCalibration(**({} if calibration is None else calibration))
        return ForgeryNetwork(backbone, head, fitted, dict(model))
    except CheckpointError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        described = f"{model!r}"[:500]
        raise CheckpointError(f"model description {described} does not describe a forgery detector: {error}") from error


def _description(row: ModelRow) -> Any:
    """What a model of the table is made of: its variant's parts, or what its shipped weights say."""
    if row.variant in _VARIANTS or row.weights_path is None:
        return _VARIANTS[row.variant]
    return read_checkpoint(row.weights_path)[1].get("model")


def _in_our_names(state: dict[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    try:
        return convert_state_dict(state)
    except ValueError as error:
        raise CheckpointError(f"checkpoint {source} is of another model: {error}") from error
