from .config import load_config
from .runner import REPLACED_BY_AMP, STRATEGIES, argument_parser, test, train, use_amp
from .stopping import TrainingStopped

__all__ = [
    "REPLACED_BY_AMP",
    "STRATEGIES",
    "TrainingStopped",
    "argument_parser",
    "load_config",
    "test",
    "train",
    "use_amp",
]
