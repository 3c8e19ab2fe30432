"""What computes the logits: PyTorch, or onnxruntime for a model that was exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vision.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from vision.models.forgery.calibration import ForgeryCalibration

TORCH, ONNX = RUNTIMES = ("torch", "onnx")
_SUFFIX = ".onnx"


class Runtime(Protocol):
    """A detector that is ready.

    Attributes:
        network: of PyTorch; None where something else computes.
        device: where.
        calibration: what turns logits into probabilities and verdicts.
        least_size, large_size: sides of the windows of small images and of large ones; None for the usual one.
    """

    @property
    def network(self) -> nn.Module | None: ...
    @property
    def device(self) -> torch.device | str: ...
    @property
    def calibration(self) -> ForgeryCalibration: ...
    @property
    def least_size(self) -> int | None: ...
    @property
    def large_size(self) -> int | None: ...

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Windows uint8 `[B, H, W, 3]` -> float32 `[B]`."""
        ...


def open_runtime(
    name: str | None,
    network: nn.Module | None,
    model: str,
    checkpoint: str | Path | None,
    foundation: str | Path | None,
    device: str | torch.device | None,
    precision: str,
) -> Runtime:
    """The runtime of that name, or None for the one that the checkpoint needs; the others as of `ForgeryInferencer`.

    Raises:
        UsageError: arguments that exclude each other, or that do not fit.
        vision.models.CheckpointError: the checkpoint cannot be used.
    """
    is_onnx = checkpoint is not None and Path(checkpoint).suffix.lower() == _SUFFIX
    name = name or (ONNX if is_onnx else TORCH)
    if name not in RUNTIMES:
        message = f"runtime is {name!r}; expected one of {', '.join(RUNTIMES)}"
        raise UsageError(message, code="out-of-range", value=name)
    if name == TORCH:
        if is_onnx:
            message = f"runtime is {TORCH!r}, but checkpoint {str(checkpoint)!r} is an ONNX file; leave runtime out"
            raise UsageError(message, code="conflicting-arguments", value=str(checkpoint))
        from vision.apis.forgery.torch_runtime import TorchRuntime

        return TorchRuntime(network, model, checkpoint, foundation, device, precision)
    from vision.apis.forgery.onnx_runtime import OnnxRuntime

    _check_onnx(network is not None, foundation, device, precision)
    if checkpoint is None:
        message = f"runtime is {ONNX!r}, but checkpoint is None; expected a model that was exported as ONNX"
        raise UsageError(message, code="no-onnx-file")
    return OnnxRuntime(checkpoint)


def _check_onnx(has_network: bool, foundation: object, device: object, precision: str) -> None:
    wrong = {
        "network": "a module" if has_network else None,
        "foundation": foundation,
        "device": None if device is None or str(device) == "cpu" else device,
        "precision": None if precision == "fp32" else precision,
    }
    for name, value in wrong.items():
        if value is not None:
            message = f"{name} is {str(value)!r}, which a model in ONNX does not take: it runs as it is, on the CPU"
            raise UsageError(message, code="conflicting-arguments", value=value)
