"""A detector of AI-generated images as it is exported: windows in, logits and probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from vision.models.forgery.network import ForgeryNetwork
from vision.normalize import normalize_imagenet
from vision.onnx.exportable import Exportable
from vision.onnx.exporter import save_graph
from vision.onnx.forgery.graph import INPUT, OUTPUTS, forgery_graph
from vision.onnx.int8 import Int8
from vision.pixels import extend

if TYPE_CHECKING:
    import onnx

# Of logits; a hundredth of one moves a probability by 0.0025 at most.
TOLERANCE = 4e-3
# Below and above the sides from which parts of the detector halve the image.
OTHER_SIZES = ((64, 64), (188, 188), (512, 512))
# Pixels of a side. Below the first the statistics have nothing to count, above the second memory is the limit.
LEAST, MOST, MULTIPLE = 32, 2048, 4
MOST_WINDOWS = 1024  # of a traced graph: torch wants to know a number
_WINDOW = 256


class ForgeryGraph(nn.Module):
    """What the exported graph computes.

    Args:
        network: with its calibration.
    """

    def __init__(self, network: ForgeryNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """RGB 0..255 `[B, 3, H, W]` -> logits and calibrated probabilities of being generated, `[B]` each."""
        logit = self.network.logits(normalize_imagenet(image))
        calibration = self.network.calibration
        return logit, torch.sigmoid((logit - calibration.offset) / calibration.temperature)


def forgery_exportable(
    network: ForgeryNetwork, height: int, width: int, metadata: Mapping[str, Any] | None = None, *, traced: bool = False
) -> Exportable:
    """A detector for windows of any size.

    Args:
        network: on the CPU.
        height, width: of the windows that it is compared on first, multiples of 4.
        metadata: what the file says of itself.
        traced: leave the graph to the tracer, for windows of this size alone.

    Raises:
        ValueError: a side is out of range.
    """
    if any(side < LEAST or side > MOST or side % MULTIPLE for side in (height, width)):
        raise ValueError(f"size is {height} x {width}; expected multiples of {MULTIPLE} from {LEAST} to {MOST}")
    return Exportable(
        ForgeryGraph(network),
        example_windows,
        (height, width),
        (INPUT,),
        OUTPUTS,
        metadata or {},
        TOLERANCE,
        dynamic_shapes=({0: Dim("batch", max=MOST_WINDOWS)},) if traced else None,
        other_sizes=() if traced else OTHER_SIZES,
        write_graph=None if traced else partial(_write, network),
        int8=Int8(("Conv", "Add", "Relu", "Clip"), _is_of_trunks, _middle),
    )


def _write(network: ForgeryNetwork, path: Path, metadata: Mapping[str, str]) -> None:
    save_graph(forgery_graph(network), path, metadata)


def _is_of_trunks(node: onnx.NodeProto) -> bool:
    """Whether a node belongs to a convolutional network. What looks at single gray levels, at the spectrum and at
    statistics stays in float32: 8 bits would round away the very traces that are looked for."""
    return node.name.partition("/")[0] in ("features", "trunk")


def _middle(image: np.ndarray) -> dict[str, np.ndarray]:
    """The middle of an image, as a window of the usual size."""
    image = extend(image, (_WINDOW, _WINDOW))
    top, left = ((side - _WINDOW) // 2 for side in image.shape[:2])
    window = image[top : top + _WINDOW, left : left + _WINDOW]
    return {INPUT: np.ascontiguousarray(window.transpose(2, 0, 1)[None], dtype=np.float32)}


def example_windows(height: int, width: int) -> tuple[Tensor, ...]:
    """Two windows `[2, 3, H, W]`: soft shapes with the noise of a sensor, and plain colors with drawn edges."""
    rng = np.random.default_rng(0)
    soft = cv2.resize(rng.uniform(30, 220, (5, 5, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    photo = soft + cv2.GaussianBlur(rng.normal(0, 9, (height, width, 3)), (0, 0), 0.7)
    drawn = np.full((height, width, 3), (200.0, 180.0, 40.0))
    drawn[height // 4 : height // 2, width // 8 : width // 2] = (20, 60, 230)
    windows = np.stack([photo, drawn]).clip(0, 255).round().astype(np.float32)
    return (torch.from_numpy(np.ascontiguousarray(windows.transpose(0, 3, 1, 2))),)
