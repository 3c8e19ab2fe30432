"""`vision export dinat_mini` and the like: NAT, DiNAT and DiNAT_s."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vision.cli.export.task import Task, add_weights
from vision.cli.process import say
from vision.published import CLASSIFICATION, PUBLISHED

if TYPE_CHECKING:
    from torch import nn

    from vision.onnx.exportable import Exportable

# arXiv numbers by family.
_PAPERS = {"NAT": "NAT, arXiv 2204.07143", "DiNAT": "DiNAT, arXiv 2209.15001", "DiNATS": "DiNAT_s, arXiv 2209.15001"}
SEED = 0
# Of data alone: the models' own table lies in a package that takes long to import.
_NAMES = [row.name for row in PUBLISHED.values() if row.task == CLASSIFICATION]

_DESCRIPTION = """\
Write a NAT, DiNAT or DiNAT_s as one file.

The input is images, float32 [1, 3, H, W], RGB, with ImageNet's mean and standard deviation taken out; the output is
logits, float32 [1, classes], or with --features the maps stage1 to stage4, float32 [1, C, H / 4, W / 4] to
[1, 8 C, H / 32, W / 32]. No weights come with these models: --checkpoint takes a file, or a name that
vision models --published lists; without it they are random ones, always the same, for trying a runtime."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_weights(parser)
    parser.add_argument("--features", action="store_true", help="give the maps of the four stages instead of logits")


def _build(command: argparse.Namespace) -> Exportable:
    from backbones.neighborhood.variants import VARIANTS
    from vision.onnx.classification import MOST, classifier_exportable, least_side
    from vision.onnx.metadata import (
        IMAGENET,
        dynamic_sizes,
        fixed_size,
        license_of_weights,
        metadata_of,
        name_of_weights,
    )

    name, variant = command.task, VARIANTS[command.task]
    model, labels = _model(name, command.checkpoint, command.features)
    height, width = command.size or (variant.image_size, variant.image_size)
    metadata = metadata_of(
        name,
        "features" if command.features else "classification",
        paper=_PAPERS[variant.family],
        license=license_of_weights(command.checkpoint, "none: random values"),
        weights=name_of_weights(command.checkpoint, None),
        normalization=IMAGENET,
        sizes=dynamic_sizes(least_side(name), MOST) if command.dynamic else fixed_size(height, width),
        labels=labels,
    )
    options = {"features": command.features, "dynamic": command.dynamic}
    return classifier_exportable(name, model, height, width, metadata, **options)


def _model(name: str, checkpoint: str | None, features: bool) -> tuple[nn.Module, list[str] | None]:
    """The model, and the names of its classes where its weights say them."""
    import torch

    from backbones.neighborhood.variants import VARIANTS
    from vision.models.timm_names import build_timm_model

    if checkpoint is not None:
        return _trained(name, checkpoint, features)
    say(f"vision export: warning: {name} comes without weights: these are random ones (seed {SEED}); see --checkpoint")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return build_timm_model(name, num_classes=VARIANTS[name].num_classes), None


def _trained(name: str, checkpoint: str, features: bool) -> tuple[nn.Module, list[str] | None]:
    from backbones.checkpoint import load_backbone
    from vision.checkpoint import CheckpointError, read_checkpoint
    from vision.models.timm_names import build_timm_model

    state, metadata = read_checkpoint(checkpoint)
    # Ours, torch's data parallel and Hugging Face put a word before it, or another.
    head: Any = next(
        (value for key, value in state.items() if key.endswith(("head.weight", "classifier.weight"))), None
    )
    if not features and (head is None or head.dim() != 2):
        raise CheckpointError(
            f"checkpoint {checkpoint} has no classifier (head.weight); without one a model gives maps: see features",
            value=checkpoint,
        )
    classes = 0 if features else len(head)
    model = build_timm_model(name, num_classes=classes)
    load_backbone(model, checkpoint)
    labels = metadata.get("classes")
    is_named = isinstance(labels, list | tuple) and len(labels) == classes and all(isinstance(x, str) for x in labels)
    return model, list(labels) if is_named and labels else None


TASK = Task(
    tuple(sorted(_NAMES, key=lambda name: name != "dinat_mini")),
    "a NAT, DiNAT or DiNAT_s, by its name",
    _DESCRIPTION,
    _add_options,
    _build,
    None,
    dynamic="take any number of images of any size from that of the model's training on",
)
