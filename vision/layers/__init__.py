"""Building blocks: modules that several models share. Each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.layers.neighborhood import NeighborhoodAttention1D, NeighborhoodAttention2D, NeighborhoodAttention3D

_HOME = {
    "NeighborhoodAttention1D": "vision.layers.neighborhood",
    "NeighborhoodAttention2D": "vision.layers.neighborhood",
    "NeighborhoodAttention3D": "vision.layers.neighborhood",
}

__all__ = ["NeighborhoodAttention1D", "NeighborhoodAttention2D", "NeighborhoodAttention3D"]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
