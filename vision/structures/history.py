"""What an image went through, as far as its pixels tell; defined where it is estimated."""

from __future__ import annotations

from vision.history.scale_estimate import ScaleEstimate

__all__ = ["ScaleEstimate"]
