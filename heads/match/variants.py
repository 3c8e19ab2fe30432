"""Variants of the match decoder (MatchAttention, arXiv 2510.14260)."""

from __future__ import annotations

_PUBLISHED = (8, 8, 8, 2)

# As published but for `nano`, which is ours, for CPUs. The channels are those of the encoder of that name.
VARIANTS: dict[str, dict[str, tuple[int, ...]]] = {
    "nano": {"in_channels": (32, 64, 96, 128), "depths": (4, 6, 4, 2)},
    "tiny": {"in_channels": (32, 64, 128, 160), "depths": _PUBLISHED},
    "small": {"in_channels": (64, 128, 160, 320), "depths": _PUBLISHED},
    "base": {"in_channels": (128, 256, 320, 512), "depths": _PUBLISHED},
}
# The same in all of them.
WINDOW_RADIUS = (2, 2, 1, 1)
NUM_HEADS = 4
