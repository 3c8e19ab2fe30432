from .exportable import ForgeryGraph, forgery_exportable
from .graph import forgery_graph

__all__ = [
    "ForgeryGraph",
    "forgery_exportable",
    "forgery_graph",
]
