from .bank import MemoryBank
from .enhancement import EnhancementLayer
from .pixel import PixelMemory
from .stream import StreamMemory

__all__ = [
    "EnhancementLayer",
    "MemoryBank",
    "PixelMemory",
    "StreamMemory",
]
