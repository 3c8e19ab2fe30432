"""Export of NAT, DiNAT and DiNAT_s: images in, the logits of their classes or the maps of their four stages out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from backbones.neighborhood.variants import VARIANTS
from vision.errors import UsageError
from vision.normalize import normalize_imagenet
from vision.onnx.exportable import Exportable
from vision.onnx.int8 import Int8

# Logits of a trained model are some tens at most, maps some hundreds.
TOLERANCE, TOLERANCE_OF_MAPS = 1e-3, 1e-2
# Greatest side and number of images of a graph of any size: torch wants to know one.
MOST, MOST_IMAGES = 4096, 1024


class StageMaps(nn.Module):
    """The maps of all stages, without norm, as timm's `features_only` gives them.

    Args:
        model: a `backbones.NeighborhoodTransformer`.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Normalized images `[B, 3, H, W]` -> maps `[B, C_i, H_i, W_i]` at strides 4, 8, 16 and 32."""
        return tuple(self.model.forward_intermediates(images, intermediates_only=True))


def classifier_exportable(
    name: str,
    model: nn.Module,
    height: int,
    width: int,
    metadata: Mapping[str, Any] | None = None,
    *,
    features: bool = False,
    dynamic: bool = False,
) -> Exportable:
    """A NAT, DiNAT or DiNAT_s.

    Args:
        name: the published model that it is a variant of, such as "dinat_mini".
        model: a classifier on the CPU.
        height, width: of the images, which the graph is made for.
        metadata: what the file says of itself.
        features: give the maps of the four stages instead of logits.
        dynamic: take any number of images of any size from `least_side(name)` on.

    Returns:
        A graph with the input `images` `[1, 3, H, W]` float32, ImageNet mean and deviation taken out, and the output
        `logits` `[1, classes]`, or `stage1` to `stage4` `[1, C_i, H_i, W_i]`; `[B, ...]` where sizes are dynamic.

    Raises:
        UsageError: the size is one that a dynamic graph cannot take.
    """
    least = least_side(name)
    if dynamic and not least <= min(height, width) <= max(height, width) <= MOST:
        raise UsageError(
            f"size is {height} x {width}; with dynamic sizes {name} takes sides from {least}, the least that its "
            f"windows fit in, to {MOST}: smaller ones are exported with a fixed size",
            code="out-of-range",
            value=(height, width),
        )
    images = {0: Dim("batch", max=MOST_IMAGES)}
    images |= {axis: Dim(side, min=least, max=MOST) for axis, side in ((2, "height"), (3, "width"))}
    return Exportable(
        StageMaps(model) if features else model,
        # A batch of one would be taken for a fixed one.
        lambda height, width: (example_images(2 if dynamic else 1, height, width),),
        (height, width),
        ("images",),
        tuple(f"stage{i + 1}" for i in range(4)) if features else ("logits",),
        metadata or {},
        TOLERANCE_OF_MAPS if features else TOLERANCE,
        dynamic_shapes=(images,) if dynamic else None,
        other_sizes=((least + 32, least), (least + 45, least + 10)) if dynamic else (),
        int8=Int8(("Conv", "Gemm", "MatMul"), None, lambda image: {"images": fitted(image, height, width).numpy()}),
    )


def least_side(name: str) -> int:
    """The least side of images whose maps all have room for the windows of a published model, so that none is padded.

    It is that which the dilations were chosen for, which fill the maps.
    """
    return VARIANTS[name].image_size


def fitted(image: np.ndarray, height: int, width: int) -> Tensor:
    """An image uint8 RGB `[H, W, 3]` as models are evaluated: resized to cover a size, cut in its middle, normalized.

    Returns:
        `[1, 3, height, width]`.
    """
    scale = max(height / image.shape[0], width / image.shape[1])
    rows, columns = (max(least, round(side * scale)) for least, side in zip((height, width), image.shape, strict=False))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(image, (columns, rows), interpolation=method)
    top, left = (rows - height) // 2, (columns - width) // 2
    middle = np.ascontiguousarray(image[top : top + height, left : left + width].transpose(2, 0, 1)[None])
    return normalize_imagenet(torch.from_numpy(middle))


def example_images(count: int, height: int, width: int) -> Tensor:
    """Smooth noise, normalized, `[count, 3, H, W]`."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (count, height // 8 + 2, width // 8 + 2, 3)).astype(np.float32)
    images = np.stack([cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR) for each in noise])
    return normalize_imagenet(torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))))
