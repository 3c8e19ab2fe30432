"""What the file of an exported detector says: which windows it takes, and what its logits mean."""

from __future__ import annotations

import os
from typing import Any

from torch import nn

from vision.models.forgery.network import ForgeryNetwork
from vision.models.table import ModelRow
from vision.onnx.forgery.exportable import LEAST, MOST, MULTIPLE
from vision.onnx.metadata import PIXELS, dynamic_sizes, fixed_size, metadata_of, name_of_weights
from vision.structures.forgery import GENERATED


def forgery_metadata(
    network: ForgeryNetwork,
    row: ModelRow,
    checkpoint: str | os.PathLike[str] | None,
    size: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """What is said of a detector.

    Args:
        network: with its calibration.
        row: of the model's table.
        checkpoint: weights in place of the shipped ones, or None.
        size: height and width of a graph for one size; None for one of any.
    """
    return metadata_of(
        row.name,
        row.task,
        paper="DFFreq, arXiv 2501.15253",
        license=row.license if checkpoint is None else None,
        weights=name_of_weights(checkpoint, row.weights),
        normalization=PIXELS,
        sizes=dynamic_sizes(LEAST, MOST, MULTIPLE) if size is None else fixed_size(*size),
        labels=[GENERATED],
        calibration=network.calibration.to_dict(),
        windows=_windows(network.backbone, row.settings.get("crop_size", 256)),
    )


def _windows(backbone: nn.Module, usual: int) -> dict[str, int]:
    """Sides of the windows: `vision.apis.forgery.crops.WindowSizes`."""
    least, large = (getattr(backbone, name, usual) for name in ("least_size", "large_size"))
    return {"usual": usual, "least": min(least, usual), "large": max(large, usual)}
