"""Variants of MatchStereo (arXiv 2510.14260): arguments of their encoder and their decoder."""

from __future__ import annotations

from typing import Any

_PUBLISHED_ENCODER = {"depths": (2, 2, 6, 2)}
_PUBLISHED_DECODER = {"depths": (8, 8, 8, 2), "window_radius": (2, 2, 1, 1), "num_heads": 4}


def _published(*embed_dims: int) -> dict[str, dict[str, Any]]:
    return {
        "encoder": {"embed_dims": embed_dims, **_PUBLISHED_ENCODER},
        "decoder": {"in_channels": embed_dims, **_PUBLISHED_DECODER},
    }


# `nano` is ours: for CPUs.
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "nano": {
        "encoder": {"embed_dims": (32, 64, 96, 128), "depths": (1, 1, 3, 1)},
        "decoder": {
            "in_channels": (32, 64, 96, 128),
            "depths": (4, 6, 4, 2),
            "window_radius": (2, 2, 1, 1),
            "num_heads": 4,
        },
    },
    "tiny": _published(32, 64, 128, 160),
    "small": _published(64, 128, 160, 320),
    "base": _published(128, 256, 320, 512),
}
