"""OpenCV's matchers under the names that `vision.metrics` has always exported."""

from vision.models.stereo.opencv import bm_disparity, sgbm_disparity

__all__ = ["bm_disparity", "sgbm_disparity"]
