from .calibration import Calibration
from .network import (
    PAPER,
    WEIGHTS_DIR,
    CheckpointError,
    ForgeryNetwork,
    build_network,
    forgery_detector,
    forgery_models,
)
from .trainer import ForgeryDetector

__all__ = [
    "PAPER",
    "WEIGHTS_DIR",
    "Calibration",
    "CheckpointError",
    "ForgeryDetector",
    "ForgeryNetwork",
    "build_network",
    "forgery_detector",
    "forgery_models",
]
