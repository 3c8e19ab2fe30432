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
    from vision.models.stereo import MatchStereo, match_stereo, match_stereo_models
    from vision.models.stereo_checkpoint import convert_match_state_dict
    from vision.models.stereo_trainer import StereoMatcher

_HOME = {
    "Calibration": "vision.models.calibration",
    "CheckpointError": "vision.models.checkpoint",
    "ForgeryDetector": "vision.models.detector",
    "ForgeryNetwork": "vision.models.forgery",
    "MatchStereo": "vision.models.stereo",
    "StereoMatcher": "vision.models.stereo_trainer",
    "TimmClassifier": "vision.models.classifier",
    "convert_match_state_dict": "vision.models.stereo_checkpoint",
    "forgery_detector": "vision.models.forgery",
    "forgery_models": "vision.models.forgery",
    "match_stereo": "vision.models.stereo",
    "match_stereo_models": "vision.models.stereo",
}

__all__ = [
    "Calibration",
    "CheckpointError",
    "ForgeryDetector",
    "ForgeryNetwork",
    "MatchStereo",
    "StereoMatcher",
    "TimmClassifier",
    "convert_match_state_dict",
    "forgery_detector",
    "forgery_models",
    "match_stereo",
    "match_stereo_models",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
