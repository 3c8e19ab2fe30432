from .forgery import ForgeryHead
from .match import MatchDecoder

__all__ = [
    "ForgeryHead",
    "MatchDecoder",
]
