from .quality import estimate_jpeg_quality

__all__ = ["estimate_jpeg_quality"]
