from .attention import tiled_attention
from .exportable import Exportable
from .exporter import decompositions, export
from .parity import compare
from .programs import load_program, write_program

__all__ = [
    "Exportable",
    "compare",
    "decompositions",
    "export",
    "load_program",
    "tiled_attention",
    "write_program",
]
