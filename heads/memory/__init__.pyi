from .bank import MemoryBank
from .bbox_head import MambaBBoxHead
from .enhancement import EnhancementLayer
from .pixel import PixelMemory
from .roi_head import MambaRoIHead
from .stream import StreamMemory

__all__ = [
    "EnhancementLayer",
    "MambaBBoxHead",
    "MambaRoIHead",
    "MemoryBank",
    "PixelMemory",
    "StreamMemory",
]
