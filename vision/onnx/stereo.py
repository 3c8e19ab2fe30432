"""Export of stereo models to ONNX: two images in, the disparities of both views out."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from vision.onnx.exporter import export

INPUTS = ("left", "right")
OUTPUTS = ("disparity", "disparity_right")
FLOW_OUTPUTS = ("flow", "flow_back")


class StereoGraph(nn.Module):
    """What the exported graph computes.

    Args:
        model: a `vision.models.MatchStereo`.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """RGB 0..255 `[1, 3, H, W]` -> disparities of the left and of the right view, positive, `[1, H, W]` in pixels.

        Flow models give flow, `[1, H, W, 2]` (x, y), from left to right and back.
        """
        ours, theirs = self.model(left, right)["field_up"].chunk(2)
        if not self.model.stereo:
            return ours, theirs
        return -ours[..., 0], theirs[..., 0]


def export_stereo(model: nn.Module, path: str | os.PathLike[str], height: int, width: int) -> Path:
    """Write a stereo model as ONNX for pairs of one size.

    Args:
        model: a `vision.models.MatchStereo` on the CPU.
        path: file to write; it appears complete or not at all.
        height, width: of the images, which the graph is made for; others have to be resized or padded.

    Returns:
        `path`. Its graph has the inputs `left` and `right` `[1, 3, H, W]` float32, RGB 0..255, and the outputs
        `disparity` and `disparity_right` `[1, H, W]` (`flow`, `flow_back` `[1, H, W, 2]` of a flow model).

    Raises:
        ValueError: a side is not positive, or the model is not on the CPU.
        ImportError: onnx or onnxscript is missing.
        FileNotFoundError: the folder does not exist.
    """
    if min(height, width) < 1:
        raise ValueError(f"size is {height} x {width}; expected positive numbers of pixels")
    views = tuple(torch.zeros(1, 3, height, width) for _ in INPUTS)
    outputs = OUTPUTS if getattr(model, "stereo", True) else FLOW_OUTPUTS
    return export(StereoGraph(model), views, path, input_names=INPUTS, output_names=outputs, rewrite=False)
