"""Memory of pixels: feature maps attend to pixels of the boxes that were found before (MAMBA, arXiv 2401.09923)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from heads.memory.enhancement import EnhancementLayer


class PixelMemory(nn.Module):
    """Enhances every pixel of a feature map by attention to remembered pixels.

    Args:
        embed_dim: channels C of the feature map, a multiple of `num_heads`.
        num_heads: attention heads.
        pixels_per_box: random pixels of each detected box that are remembered.
    """

    def __init__(self, embed_dim: int, num_heads: int = 16, pixels_per_box: int = 100) -> None:
        super().__init__()
        if pixels_per_box < 1:
            raise ValueError(f"pixels_per_box must be positive, got {pixels_per_box}")
        self.pixels_per_box = pixels_per_box
        self.layer = EnhancementLayer(embed_dim, num_heads)

    def forward(self, features: Tensor, keys: Tensor) -> Tensor:
        """Feature maps `[B, C, H, W]` and remembered pixels `[M, C]` for all, or `[B, M, C]` -> `[B, C, H, W]`.

        Without keys the maps come back as they are.
        """
        if keys.shape[-2] == 0 and not self.training:
            return features
        enhanced = self.layer(features.flatten(2).transpose(1, 2), keys)
        return enhanced.transpose(1, 2).reshape(features.shape)

    def pixels_of_boxes(self, features: Tensor, boxes: Tensor, stride: int, generator: torch.Generator) -> Tensor:
        """Different random pixels of each box, all of them where it has fewer than `pixels_per_box`.

        A pixel belongs to a box that has its center; a box between the centers has the pixel that it lies in.

        Args:
            features: map of one frame `[C, H, W]`.
            boxes: (x1, y1, x2, y2) in pixels of the network's input, `[N, 4]`.
            stride: pixels of the input per pixel of the map.
            generator: decides the choice.

        Returns:
            At most `N * pixels_per_box` rows `[n, C]`; boxes that lie outside of the map or have no area give none.
        """
        height, width = features.shape[1:]
        chosen = []
        # On the host: how many rows there are decides shapes, and the boxes are few.
        for x1, y1, x2, y2 in boxes.detach().tolist():
            columns, rows = _centers_between(x1, x2, stride, width), _centers_between(y1, y2, stride, height)
            area = len(columns) * len(rows)
            if area == 0:
                continue
            cells = torch.randperm(area, generator=generator, device=generator.device)[: self.pixels_per_box]
            y, x = cells // len(columns) + rows.start, cells % len(columns) + columns.start
            chosen.append(y * width + x)
        if not chosen:
            return features.new_empty(0, features.shape[0])
        return _pixels(features, torch.cat(chosen))

    def random_pixels(self, features: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Different random pixels of a map `[C, H, W]`: `[count, C]`, or all of them where there are fewer.

        Keys for training: chosen by ground-truth boxes, they would tell the network where the objects are.
        """
        pixels = features.shape[1] * features.shape[2]
        return _pixels(features, torch.randperm(pixels, generator=generator, device=generator.device)[:count])


def _centers_between(low: float, high: float, stride: int, cells: int) -> range:
    """Cells of a row of the map whose centers are in [low, high), or the one that holds its middle if none is."""
    low, high = max(low, 0.0), min(high, float(cells * stride))
    if not low < high:  # also where a corner is not a number
        return range(0)
    first, stop = math.ceil(low / stride - 0.5), math.ceil(high / stride - 0.5)
    if first < stop:
        return range(first, stop)
    middle = min(int((low + high) / 2 / stride), cells - 1)
    return range(middle, middle + 1)


def _pixels(features: Tensor, indices: Tensor) -> Tensor:
    """`[C, H, W]` -> `[n, C]`."""
    return features.flatten(1).index_select(1, indices.to(features.device)).transpose(0, 1).contiguous()
