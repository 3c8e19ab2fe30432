from .heatmap import HeatMap
from .inferencer import ForgeryInferencer, ForgeryResult, Picture, verdict

__all__ = [
    "ForgeryInferencer",
    "ForgeryResult",
    "HeatMap",
    "Picture",
    "verdict",
]
