from .calibration import Calibration, ForgeryCalibration, fit_calibration
from .network import (
    PAPER,
    WEIGHTS_DIR,
    CheckpointError,
    ForgeryNetwork,
    build_network,
    forgery_detector,
    forgery_models,
)
from .trainer import ForgeryDetector, ForgeryTrainer

__all__ = [
    "PAPER",
    "WEIGHTS_DIR",
    "Calibration",
    "CheckpointError",
    "ForgeryCalibration",
    "ForgeryDetector",
    "ForgeryNetwork",
    "ForgeryTrainer",
    "build_network",
    "fit_calibration",
    "forgery_detector",
    "forgery_models",
]
