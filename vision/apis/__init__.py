"""Inference on real input. Each name is imported when it is first asked for; no training framework ever is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision.apis.forgery import ForgeryInferencer
    from vision.apis.heatmap import HeatMap
    from vision.apis.result import ForgeryResult, verdict

_HOME = {
    "ForgeryInferencer": "vision.apis.forgery",
    "ForgeryResult": "vision.apis.result",
    "HeatMap": "vision.apis.heatmap",
    "verdict": "vision.apis.result",
}

__all__ = ["ForgeryInferencer", "ForgeryResult", "HeatMap", "verdict"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
