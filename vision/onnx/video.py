"""Export of the video detector: one frame and what a memory holds in, scores, boxes and what to remember out.

The graph has no state: the loop around it keeps the memory, draws what a frame reads and writes, and drops boxes that
are the same. So one graph serves any number of streams, and runtimes without random numbers give the same results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from vision.errors import UsageError
from vision.models.video.network import MEMORY_LEVEL, MEMORY_STRIDE, MULTIPLE, VideoNetwork
from vision.onnx.exportable import Exportable

INPUTS, OUTPUTS = ("image", "memory"), ("scores", "boxes", "pixels")
# By which corners in pixels, scores and remembered values may differ.
TOLERANCE = 0.01
# Sides of a graph of any size.
LEAST, MOST = 64, 4096
_SIDES = ((2, "height"), (3, "width"))
# Rows that the example reads; the graph takes any number.
_EXAMPLE_ROWS = 64


class VideoGraph(nn.Module):
    """What the exported graph computes.

    Args:
        network: the detector.
    """

    def __init__(self, network: VideoNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, memory: Tensor | None = None) -> tuple[Tensor, ...]:
        """One frame.

        Args:
            image: RGB 0..255, `[1, 3, H, W]`, sides multiples of 32.
            memory: remembered rows `[M, C]`, none for a stream that begins; None for a network without memory.

        Returns:
            scores: `[P, classes]`, 0 to 1, of every point of all levels.
            boxes: `[P, 4]` (x1, y1, x2, y2) in pixels of the image.
            pixels: `[H / 16 * W / 16, C]`, what may be remembered, row by row; only with memory.
        """
        levels = list(self.network.project(image))
        if memory is None:
            return self._found(levels)
        plain = levels[MEMORY_LEVEL]
        pixels = plain.flatten(2).transpose(1, 2)[0]
        assert self.network.memory is not None
        enhanced = _enhanced(self.network.memory.layer, pixels, memory)
        levels[MEMORY_LEVEL] = enhanced.transpose(0, 1).reshape(plain.shape)
        return *self._found(levels), pixels

    def _found(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        output = self.network.predict(levels)
        return output.logits[0].sigmoid(), output.boxes()[0]


def _enhanced(layer: Any, x: Tensor, memory: Tensor) -> Tensor:
    """`EnhancementLayer` of rows `[N, C]` and a memory `[M, C]` that may be empty when the graph runs.

    A row of zeros is put before the memory, so that there always is one; where there are others it is masked.
    """
    rows = torch.cat([memory.new_zeros(1, memory.shape[1]), memory])
    is_filled = torch.arange(rows.shape[0]).amax(0) > 0
    is_shown = (torch.arange(rows.shape[0]) > 0) | ~is_filled

    def split(y: Tensor) -> Tensor:
        return y.unflatten(-1, (layer.num_heads, -1)).transpose(0, 1)  # [heads, rows, C / heads]

    q, k, v = split(layer.fc_embed(x)), split(layer.ref_fc_embed(rows)), split(layer.ref_fc(rows))
    logits = q @ k.transpose(1, 2) * (x.shape[1] / layer.num_heads) ** -0.5
    weights = torch.where(is_shown, logits, -torch.inf).softmax(-1)
    change = layer.fc((weights @ v).transpose(0, 1).flatten(1))
    return torch.where(is_filled, x + change, x)


def video_exportable(
    network: VideoNetwork,
    height: int,
    width: int,
    metadata: Mapping[str, Any] | None = None,
    *,
    dynamic: bool = False,
) -> Exportable:
    """A video detector for frames that were resized and extended as `VideoNetwork.detect` does.

    Args:
        network: on the CPU.
        height, width: of the frames, multiples of 32.
        metadata: what the file says of itself.
        dynamic: take any multiples of 32 from `LEAST` to `MOST`.

    Returns:
        A graph as `VideoGraph` has it, with the inputs `image` and `memory` (none for a network without memory; how
        many rows is left open) and the outputs `scores`, `boxes` and `pixels`.

    Raises:
        UsageError: a side is no multiple of 32, or out of range.
    """
    least = LEAST if dynamic else MULTIPLE
    if height % MULTIPLE or width % MULTIPLE or min(height, width) < least or max(height, width) > MOST:
        raise UsageError(
            f"size is {height} x {width}; expected multiples of {MULTIPLE} from {least} to {MOST}",
            code="out-of-range",
            value=(height, width),
        )
    remembers = network.memory is not None
    sides = {axis: MULTIPLE * Dim(f"{name}_32", min=LEAST // MULTIPLE, max=MOST // MULTIPLE) for axis, name in _SIDES}
    shapes: tuple[Any, ...] = (sides if dynamic else None, {0: Dim("rows", min=0)})
    return Exportable(
        VideoGraph(network).eval(),
        lambda height, width: _example(network, height, width),
        (height, width),
        INPUTS if remembers else INPUTS[:1],
        OUTPUTS if remembers else OUTPUTS[:2],
        metadata or {},
        TOLERANCE,
        dynamic_shapes=shapes if remembers else (shapes[:1] if dynamic else None),
        other_sizes=((256, 384), (448, 256)) if dynamic else (),
    )


def memory_metadata(network: VideoNetwork) -> dict[str, Any]:
    """What a loop around the graph has to know: how frames are prepared, boxes chosen, and the memory kept."""
    settings = network.settings
    record: dict[str, Any] = {
        "frames": {"max_size": settings["max_size"], "multiple": MULTIPLE, "padding": 114},
        "boxes": {"nms": settings["nms"], "most": 300},
    }
    if network.memory is not None:
        bank = network.new_memory()
        assert bank is not None and bank.pixel is not None
        record["memory"] = {
            "channels": network.memory.layer.embed_dim,
            "rows_read": bank.pixel.key_length,
            "rows_kept": bank.pixel.max_length,
            "stride": MEMORY_STRIDE,
            "pixels_per_box": network.memory.pixels_per_box,
            "least_score": settings["write_threshold"],
        }
    return record


def _example(network: VideoNetwork, height: int, width: int) -> tuple[Tensor, ...]:
    """A frame of smooth noise, and rows that the network itself gives for it."""
    noise = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16, 3)).astype(np.float32)
    resized = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    image = torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1)[None]))
    if network.memory is None:
        return (image,)
    with torch.inference_mode():
        pixels = network.project(image)[MEMORY_LEVEL][0].flatten(1).transpose(0, 1)
        rows = pixels[torch.arange(_EXAMPLE_ROWS) * 7 % len(pixels)]
    return image, rows.clone()
