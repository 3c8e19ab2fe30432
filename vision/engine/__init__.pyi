from .config import load_config
from .runner import REPLACED_BY_AMP, STRATEGIES, argument_parser, test, train, use_amp

__all__ = [
    "REPLACED_BY_AMP",
    "STRATEGIES",
    "argument_parser",
    "load_config",
    "test",
    "train",
    "use_amp",
]
