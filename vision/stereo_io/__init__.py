"""Files of stereo and flow data sets: disparity maps, flow fields and masks. Each part is imported when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.stereo_io.disparity import read_disparity, write_disparity
    from vision.stereo_io.flo import read_flo, write_flo
    from vision.stereo_io.flow import read_flow, write_flow
    from vision.stereo_io.pfm import read_pfm, write_pfm
    from vision.stereo_io.raster import read_gray, write_png

_HOME = {
    "read_disparity": "vision.stereo_io.disparity",
    "read_flo": "vision.stereo_io.flo",
    "read_flow": "vision.stereo_io.flow",
    "read_gray": "vision.stereo_io.raster",
    "read_pfm": "vision.stereo_io.pfm",
    "write_disparity": "vision.stereo_io.disparity",
    "write_flo": "vision.stereo_io.flo",
    "write_flow": "vision.stereo_io.flow",
    "write_pfm": "vision.stereo_io.pfm",
    "write_png": "vision.stereo_io.raster",
}

__all__ = [
    "read_disparity",
    "read_flo",
    "read_flow",
    "read_gray",
    "read_pfm",
    "write_disparity",
    "write_flo",
    "write_flow",
    "write_pfm",
    "write_png",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
