"""Backbones of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backbones.checkpoint import convert_state_dict
    from backbones.dual_frequency import DualFrequencyNet

_HOME = {
    "DualFrequencyNet": "backbones.dual_frequency",
    "convert_state_dict": "backbones.checkpoint",
}

__all__ = ["DualFrequencyNet", "convert_state_dict"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
