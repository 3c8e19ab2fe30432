from .decoder import MatchDecoder

__all__ = [
    "MatchDecoder",
]
