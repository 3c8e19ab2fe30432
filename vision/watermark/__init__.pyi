from .embedding import embed_watermark
from .match import WatermarkMatch
from .messages import WATERMARKS
from .search import MAX_FPR, find_watermark

__all__ = ["MAX_FPR", "WATERMARKS", "WatermarkMatch", "embed_watermark", "find_watermark"]
