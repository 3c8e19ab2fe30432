from .checkpoint import convert_match_state_dict
from .network import MIN_SIZE, MULTIPLE, WEIGHTS_DIR, MatchStereo, load_match_stereo, match_stereo, match_stereo_models
from .trainer import StereoMatcher, StereoTrainer

__all__ = [
    "MIN_SIZE",
    "MULTIPLE",
    "WEIGHTS_DIR",
    "MatchStereo",
    "StereoMatcher",
    "StereoTrainer",
    "convert_match_state_dict",
    "load_match_stereo",
    "match_stereo",
    "match_stereo_models",
]
