from .fused import na1d, na2d, na3d

__all__ = ["na1d", "na2d", "na3d"]
