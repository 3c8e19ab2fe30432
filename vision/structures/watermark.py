"""An invisible watermark, as it was found; defined where it is searched."""

from __future__ import annotations

from vision.watermark.match import WatermarkMatch

__all__ = ["WatermarkMatch"]
