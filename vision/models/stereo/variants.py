"""Variants of MatchStereo (arXiv 2510.14260): arguments of their encoder and their decoder."""

from __future__ import annotations

from typing import Any

from backbones.convformer import VARIANTS as ENCODERS
from heads.match.variants import NUM_HEADS, WINDOW_RADIUS
from heads.match.variants import VARIANTS as DECODERS

# In full, so that they can be compared with what a checkpoint's weights belong to.
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    name: {
        "encoder": encoder,
        "decoder": {**DECODERS[name], "window_radius": WINDOW_RADIUS, "num_heads": NUM_HEADS},
    }
    for name, encoder in ENCODERS.items()
}
