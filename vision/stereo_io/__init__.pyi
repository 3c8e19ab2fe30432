from .depth import write_depth16
from .disparity import read_disparity, write_disparity
from .flo import read_flo, write_flo
from .flow import read_flow, write_flow
from .pfm import read_pfm, write_pfm
from .raster import read_gray, write_png

__all__ = [
    "read_disparity",
    "read_flo",
    "read_flow",
    "read_gray",
    "read_pfm",
    "write_depth16",
    "write_disparity",
    "write_flo",
    "write_flow",
    "write_pfm",
    "write_png",
]
