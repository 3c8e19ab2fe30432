from .forgery import ForgeryHead
from .match import MatchDecoder
from .memory import EnhancementLayer, MemoryBank, PixelMemory, StreamMemory

__all__ = [
    "EnhancementLayer",
    "ForgeryHead",
    "MatchDecoder",
    "MemoryBank",
    "PixelMemory",
    "StreamMemory",
]
