"""Which tokens a pixel attends to in every block of a NAT or DiNAT, and how much, by the unfused operators."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from backbones.neighborhood.transformer import NeighborhoodTransformer
from vision.apis.base import ImageInput, check_least, load_image
from vision.errors import UsageError
from vision.images import MAX_PIXELS
from vision.layers import NeighborhoodAttention2D
from vision.normalize import normalize_imagenet
from vision.ops.neighborhood.arguments import Window
from vision.ops.neighborhood.window import axis_tables
from vision.structures.attention import BlockAttention

# The weights of all tokens are held for a moment: 40 MB in the first stage of an image of this size.
MAX_SIZE = 512


@torch.inference_mode()
def attention_of(
    image: ImageInput,
    model: NeighborhoodTransformer,
    point: tuple[float, float],
    max_size: int = MAX_SIZE,
    max_pixels: int = MAX_PIXELS,
) -> list[BlockAttention]:
    """Look at one pixel in every block of a network.

    Args:
        image: a path, or a uint8 RGB array `[H, W, 3]`.
        model: a `backbones.NAT`, `DiNAT` or `DiNATS`; it is used in eval mode and then put back.
        point: (y, x) in pixels of the image.
        max_size: images with a longer side are reduced to it, since weights of all tokens take memory.
        max_pixels: refuse larger files, by their header.

    Returns:
        One per block, from the first stage on.

    Raises:
        vision.images.ImageError: the image cannot be read.
        UsageError: the point lies outside of the image, or the model has no neighborhood attention.
    """
    check_least(32, "pixels", max_size=max_size)
    pixels = load_image(image, "image", max_pixels)
    height, width = pixels.shape[:2]
    if not (0 <= point[0] < height and 0 <= point[1] < width):
        message = f"point is {point}; expected y from 0 to {height - 1} and x from 0 to {width - 1}"
        raise UsageError(message, code="out-of-range", value=point)
    if not isinstance(model, NeighborhoodTransformer):
        raise UsageError(f"model is a {type(model).__name__}; expected a NAT, DiNAT or DiNATS", value=model)
    seen = _reduced(pixels, max_size)
    place = (point[0] * seen.shape[0] / height, point[1] * seen.shape[1] / width)
    found: list[BlockAttention] = []
    device = next(model.parameters()).device
    was_training = model.training
    with ExitStack() as stack:
        stack.callback(model.train, was_training)
        model.eval()
        for number, stage in enumerate(model.stages):
            for block, layer in enumerate(stage.blocks):
                attention = _attention_in(layer)
                side = int(model.feature_info[number]["reduction"])
                hook = _hook(found, number, block, side, place, seen.shape[:2])
                stack.callback(attention.register_forward_pre_hook(hook).remove)
        model.forward_stages(normalize_imagenet(torch.from_numpy(seen).to(device).permute(2, 0, 1)[None]))
    return found


def attention_at(module: NeighborhoodAttention2D, x: Tensor, query: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Keys and weights of one token.

    Args:
        module: attention over a map.
        x: its input `[1, H, W, C]`.
        query: (row, column) of the token.

    Returns:
        int64 `[K, 2]`, (row, column) of the keys; float32 `[heads, K]`, their weights.
    """
    weights = module.attention_weights(x)
    window = Window(module.kernel_size, module.stride, module.dilation, module.is_causal)
    rows, columns = (
        table.keys[at] for table, at in zip(axis_tables(weights.shape[1:3], window, "cpu"), query, strict=True)
    )
    keys = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).flatten(0, 1)
    return keys, weights[0, query[0], query[1]].float()


def _hook(
    found: list[BlockAttention],
    stage: int,
    block: int,
    side: int,
    place: tuple[float, float],
    size: tuple[int, int],
) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(module, NeighborhoodAttention2D)
        x = inputs[0]
        grid = (int(x.shape[1]), int(x.shape[2]))
        query = (min(int(place[0]) // side, grid[0] - 1), min(int(place[1]) // side, grid[1] - 1))
        keys, weights = attention_at(module, x, query)
        kernel_size, dilation = module.kernel_size, module.dilation
        found.append(
            BlockAttention(
                stage,
                block,
                grid,
                side,
                query,
                (kernel_size[0], kernel_size[1]),
                (dilation[0], dilation[1]),
                keys.numpy(),
                weights.cpu().numpy(),
                (size[0], size[1]),
            )
        )

    return look


def _attention_in(layer: nn.Module) -> NeighborhoodAttention2D:
    attention = getattr(layer, "attn", None)
    if not isinstance(attention, NeighborhoodAttention2D):
        raise UsageError(f"{type(layer).__name__} has no neighborhood attention", value=layer)
    return attention


def _reduced(image: np.ndarray, max_size: int) -> np.ndarray:
    height, width = image.shape[:2]
    factor = max_size / max(height, width)
    if factor >= 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
