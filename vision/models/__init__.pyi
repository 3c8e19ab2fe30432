from .classifier import TimmClassifier
from .forgery import Calibration, CheckpointError, ForgeryDetector, ForgeryNetwork, forgery_detector, forgery_models
from .stereo import MatchStereo, StereoMatcher, convert_match_state_dict, match_stereo, match_stereo_models

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
