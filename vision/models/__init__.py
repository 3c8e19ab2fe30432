"""Models: what joins a backbone and a head for a task. Each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.models.calibration import Calibration
    from vision.models.checkpoint import CheckpointError
    from vision.models.classifier import TimmClassifier
    from vision.models.detector import ForgeryDetector
    from vision.models.forgery import ForgeryNetwork, forgery_detector, forgery_models

_HOME = {
    "Calibration": "vision.models.calibration",
    "CheckpointError": "vision.models.checkpoint",
    "ForgeryDetector": "vision.models.detector",
    "ForgeryNetwork": "vision.models.forgery",
    "TimmClassifier": "vision.models.classifier",
    "forgery_detector": "vision.models.forgery",
    "forgery_models": "vision.models.forgery",
}

__all__ = [
    "Calibration",
    "CheckpointError",
    "ForgeryDetector",
    "ForgeryNetwork",
    "TimmClassifier",
    "forgery_detector",
    "forgery_models",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
