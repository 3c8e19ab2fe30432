"""Logits of windows by onnxruntime, without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vision.errors import CheckpointError
from vision.models.forgery.calibration import ForgeryCalibration
from vision.models.table import FORGERY
from vision.onnx.session import OnnxModel

_INPUT, _LOGIT = "image", "logit"
_STEP, _MOST = 4, 4096  # of the sides of windows


class OnnxRuntime:
    """A file of `vision export forgery`, on the CPU.

    Attributes:
        network: there is none.
        calibration: what the file says.
        least_size, large_size: sides of the windows of small images and of large ones.

    Args:
        path: of the file.

    Raises:
        CheckpointError: it cannot be read, or is of another model.
        UsageError: onnxruntime is missing.
    """

    network = None
    device = "cpu"

    def __init__(self, path: str | Path) -> None:
        self.model = OnnxModel(path, FORGERY, inputs=[_INPUT], outputs=[_LOGIT])
        self.calibration = _calibration(self.model)
        windows = self.model.metadata.get("windows")
        self.least_size, self.large_size = (_side(self.model, windows, name) for name in ("least", "large"))

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Windows uint8 `[B, H, W, 3]` -> float32 `[B]`.

        Raises:
            CheckpointError: the graph fails, or gives something else.
        """
        images = np.ascontiguousarray(windows.transpose(0, 3, 1, 2), dtype=np.float32)
        (logits,) = self.model.run({_INPUT: images})
        if logits.shape != windows.shape[:1] or logits.dtype != np.float32:
            found = f"{logits.dtype} {logits.shape}"
            raise CheckpointError(
                f"{self.model.path} gives {found} for {len(windows)} windows; expected one logit each"
            )
        return logits


def _calibration(model: OnnxModel) -> ForgeryCalibration:
    said = model.metadata.get("calibration")
    try:
        return ForgeryCalibration(**said)  # type: ignore[arg-type]  # what is no mapping is a TypeError
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{model.path} has no calibration of a detector: {error}") from error


def _side(model: OnnxModel, windows: Any, name: str) -> int:
    side = windows.get(name) if isinstance(windows, Mapping) else None
    if isinstance(side, bool) or not isinstance(side, int) or not 8 <= side <= _MOST or side % _STEP:
        expected = f"a multiple of {_STEP} from 8 to {_MOST}"
        raise CheckpointError(f"{model.path} says of its windows {name} = {str(side)[:50]}; expected {expected}")
    return side
