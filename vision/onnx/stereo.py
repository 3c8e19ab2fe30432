"""Export of stereo models to ONNX: two images in, the disparities of both views out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from vision.errors import UsageError
from vision.models.stereo.sizes import MIN_SIZE, MULTIPLE
from vision.onnx.exportable import Exportable
from vision.onnx.formats import write_onnx

INPUTS = ("left", "right")
OUTPUTS = ("disparity", "disparity_right")
FLOW_OUTPUTS = ("flow", "flow_back")
# Pixels by which a runtime may differ from PyTorch.
TOLERANCE = 0.05
# Greatest side of a graph of many sizes: torch wants to know one.
MOST = 4096
_SIDES = ((2, "height"), (3, "width"))


class StereoGraph(nn.Module):
    """What the exported graph computes.

    Args:
        model: a `vision.models.MatchStereo`.
        is_whole: images come in sizes that the network takes as they are, so that nothing is said of extending them:
            where sizes are open, torch would drag that along through the shapes of every layer.
    """

    def __init__(self, model: nn.Module, is_whole: bool = False) -> None:
        super().__init__()
        self.model: Any = model
        self.is_whole = is_whole

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """RGB 0..255 `[1, 3, H, W]` -> disparities of the left and of the right view, positive, `[1, H, W]` in pixels.

        Flow models give flow, `[1, H, W, 2]` (x, y), from left to right and back.
        """
        if self.is_whole:
            features = self.model.encoder(torch.cat([left, right]) * (2 / 255) - 1)
            ours, theirs = self.model.decoder(features, self.model.stereo)["field_up"].chunk(2)
        else:
            ours, theirs = self.model(left, right)["field_up"].chunk(2)
        if not self.model.stereo:
            return ours, theirs
        return -ours[..., 0], theirs[..., 0]


def stereo_exportable(
    model: nn.Module,
    height: int,
    width: int,
    metadata: Mapping[str, Any] | None = None,
    *,
    dynamic: bool = False,
) -> Exportable:
    """A stereo or flow model for pairs of one size, or of many.

    Args:
        model: a `vision.models.MatchStereo` on the CPU.
        height, width: of the images, which the graph is made for; others have to be resized or padded.
        metadata: what the file says of itself.
        dynamic: take all sizes whose sides are multiples of `MULTIPLE` from `MIN_SIZE` to `MOST`.

    Returns:
        A graph with the inputs `left` and `right` `[1, 3, H, W]` float32, RGB 0..255, and the outputs `disparity` and
        `disparity_right` `[1, H, W]` (`flow`, `flow_back` `[1, H, W, 2]` of a flow model).

    Raises:
        ValueError: a side is not positive.
        UsageError: a side is none that a dynamic graph takes.
    """
    if min(height, width) < 1:
        raise ValueError(f"size is {height} x {width}; expected positive numbers of pixels")
    if dynamic and (
        height % MULTIPLE or width % MULTIPLE or min(height, width) < MIN_SIZE or max(height, width) > MOST
    ):
        raise UsageError(
            f"size is {height} x {width}; with dynamic sizes sides are multiples of {MULTIPLE} from {MIN_SIZE} to "
            f"{MOST}: a fixed size may be any",
            code="out-of-range",
            value=(height, width),
        )
    # In steps of what the network extends images to, so that nothing has to be extended.
    least, most = MIN_SIZE // MULTIPLE, MOST // MULTIPLE
    sides = {axis: MULTIPLE * Dim(f"{name}_{MULTIPLE}", min=least, max=most) for axis, name in _SIDES}
    return Exportable(
        StereoGraph(model, is_whole=dynamic),
        example_pair,
        (height, width),
        INPUTS,
        OUTPUTS if getattr(model, "stereo", True) else FLOW_OUTPUTS,
        metadata or {},
        TOLERANCE,
        "pixels",
        dynamic_shapes=(sides, sides) if dynamic else None,
        other_sizes=((MIN_SIZE, MIN_SIZE + 64), (MIN_SIZE + 64, MIN_SIZE)) if dynamic else (),
    )


def export_stereo(model: nn.Module, path: str | os.PathLike[str], height: int, width: int) -> Path:
    """Write a stereo model as ONNX for pairs of one size: the graph of `stereo_exportable`.

    Args:
        model: a `vision.models.MatchStereo` on the CPU.
        path: file to write; it appears complete or not at all.
        height, width: of the images.

    Returns:
        `path`.

    Raises:
        ValueError: a side is not positive, or the model is not on the CPU.
        ImportError: onnx or onnxscript is missing.
        FileNotFoundError: the folder does not exist.
    """
    return write_onnx(stereo_exportable(model, height, width), path)


def example_pair(height: int, width: int) -> tuple[Tensor, ...]:
    """A left and a right view of smooth noise, 8 pixels apart, `[1, 3, H, W]` each."""
    noise = np.random.default_rng(0).integers(0, 256, (height // 4 + 2, width // 4 + 4, 3)).astype(np.float32)
    wide = cv2.resize(noise, (width + 8, height), interpolation=cv2.INTER_LINEAR)
    views = (wide[:, :width], wide[:, 8:])
    return tuple(torch.from_numpy(np.ascontiguousarray(view.transpose(2, 0, 1)[None])) for view in views)
