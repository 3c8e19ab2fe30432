"""Whether an exported file computes what PyTorch does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from vision.onnx.exportable import Exportable, Size
from vision.onnx.formats import FORMATS, StrPath, outputs


class Parity(NamedTuple):
    """How far a runtime is from PyTorch on images of one size.

    Attributes:
        size: height and width in pixels.
        difference: greatest of all outputs; infinite where shapes differ or a value is no number.
    """

    size: Size
    difference: float


def compare(exportable: Exportable, path: StrPath, format: str) -> list[Parity]:
    """Run a file and the module that it was made of on the same inputs, at every size of the exportable model.

    Args:
        exportable: what the file was written from.
        path: of the file.
        format: a key of `FORMATS`.
    """
    run = FORMATS[format].open(path, 0)
    found = []
    for size in (exportable.size, *exportable.other_sizes):
        inputs = exportable.example(*size)
        with torch.inference_mode():
            expected = [out.numpy() for out in outputs(exportable.module(*inputs))]
        pairs = zip(run(inputs), expected, strict=True)
        found.append(Parity(size, max(_difference(ours, theirs) for ours, theirs in pairs)))
    return found


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape:
        return np.inf
    # What has no pixel, no box or no row is the same.
    difference = float(np.abs(ours.astype(np.float64) - theirs).max(initial=0.0))
    return difference if np.isfinite(difference) else np.inf
