"""Backbones of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from backbones.checkpoint import convert_state_dict
    from backbones.dual_frequency import DualFrequencyNet

_HOME = {
    "DualFrequencyNet": "backbones.dual_frequency",
    "convert_state_dict": "backbones.checkpoint",
}

__all__ = ["DualFrequencyNet", "convert_state_dict"]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
