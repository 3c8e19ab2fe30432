from .forgery import ForgeryBranchesHead, ForgeryHead
from .match import MatchDecoder
from .memory import EnhancementLayer, MambaBBoxHead, MambaRoIHead, MemoryBank, PixelMemory, StreamMemory

__all__ = [
    "EnhancementLayer",
    "ForgeryBranchesHead",
    "ForgeryHead",
    "MambaBBoxHead",
    "MambaRoIHead",
    "MatchDecoder",
    "MemoryBank",
    "PixelMemory",
    "StreamMemory",
]
