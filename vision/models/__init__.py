"""Models: what joins a backbone and a head for a task. Each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision.models.calibration import Calibration
    from vision.models.checkpoint import CheckpointError
    from vision.models.detector import ForgeryDetector
    from vision.models.forgery import ForgeryNetwork, forgery_detector, forgery_models

_HOME = {
    "Calibration": "vision.models.calibration",
    "CheckpointError": "vision.models.checkpoint",
    "ForgeryDetector": "vision.models.detector",
    "ForgeryNetwork": "vision.models.forgery",
    "forgery_detector": "vision.models.forgery",
    "forgery_models": "vision.models.forgery",
}

__all__ = [
    "Calibration",
    "CheckpointError",
    "ForgeryDetector",
    "ForgeryNetwork",
    "forgery_detector",
    "forgery_models",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
