from .classifier import TimmClassifier
from .forgery import (
    Calibration,
    CheckpointError,
    ForgeryCalibration,
    ForgeryDetector,
    ForgeryNetwork,
    ForgeryTrainer,
    forgery_detector,
    forgery_models,
)
from .stereo import (
    MatchStereo,
    StereoMatcher,
    StereoTrainer,
    convert_match_state_dict,
    match_stereo,
    match_stereo_models,
)
from .video import VideoDetector

__all__ = [
    "Calibration",
    "CheckpointError",
    "ForgeryCalibration",
    "ForgeryDetector",
    "ForgeryNetwork",
    "ForgeryTrainer",
    "MatchStereo",
    "StereoMatcher",
    "StereoTrainer",
    "TimmClassifier",
    "VideoDetector",
    "convert_match_state_dict",
    "forgery_detector",
    "forgery_models",
    "match_stereo",
    "match_stereo_models",
]
