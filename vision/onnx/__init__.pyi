from .attention import tiled_attention
from .exporter import decompositions, export

__all__ = [
    "decompositions",
    "export",
    "tiled_attention",
]
