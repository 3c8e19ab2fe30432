from .quality import MAX_FPR, estimate_jpeg_quality
from .scale import estimate_scale
from .scale_estimate import ScaleEstimate

__all__ = ["MAX_FPR", "ScaleEstimate", "estimate_jpeg_quality", "estimate_scale"]
