"""What one token of a neighborhood attention network attends to, in one of its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class BlockAttention:
    """The window of one query and its weights.

    Attributes:
        stage, block: places in the network, from 0.
        grid: rows and columns of tokens that the image has there.
        pixels: side in pixels of the image that a token stands for.
        query: (row, column) of the token.
        kernel_size: tokens of the window along each axis.
        dilation: step between them.
        keys: int64 `[K, 2]`, (row, column) of the tokens in the window, the last axis fastest. Where the grid is
            smaller than the window it is padded, and keys lie beyond it.
        weights: float32 `[heads, K]`; those of a head sum to 1.
        size: height and width in pixels of the image that the network saw.
    """

    stage: int
    block: int
    grid: tuple[int, int]
    pixels: int
    query: tuple[int, int]
    kernel_size: tuple[int, int]
    dilation: tuple[int, int]
    keys: np.ndarray
    weights: np.ndarray
    size: tuple[int, int]

    @property
    def name(self) -> str:
        """For people, who count from 1."""
        return f"stage {self.stage + 1}, block {self.block + 1}"

    def strongest(self, count: int = 5) -> list[tuple[tuple[int, int], float]]:
        """The keys with the highest weights, averaged over the heads, the highest first."""
        mean = self.weights.mean(0)
        order = np.argsort(-mean, kind="stable")[:count]
        return [((int(self.keys[place][0]), int(self.keys[place][1])), float(mean[place])) for place in order]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, always with the same fields."""
        return {
            "stage": self.stage,
            "block": self.block,
            "grid": list(self.grid),
            "pixels": self.pixels,
            "query": list(self.query),
            "kernel_size": list(self.kernel_size),
            "dilation": list(self.dilation),
            "keys": self.keys.tolist(),
            "weights": np.round(self.weights.astype(np.float64), 6).tolist(),
            "size": list(self.size),
        }
