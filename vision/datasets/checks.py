"""Arguments of augmentations, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def checked_pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width, from both or from one number for both."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ValueError(f"crop size is {size}; expected at least 1")
    return int(height), int(width)


def checked_prob(prob: float) -> float:
    """A probability."""
    if not 0.0 <= prob <= 1.0:
        raise ValueError(f"prob is {prob}; expected 0 to 1")
    return prob


def checked_range(name: str, values: Sequence[Any], low: float, high: float) -> tuple[Any, Any]:
    """A range within limits."""
    first, last = values
    if not low <= first <= last <= high:
        raise ValueError(f"{name} is {tuple(values)}; expected (lowest, highest) within {low}..{high}")
    return first, last
