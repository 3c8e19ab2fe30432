from .arrays import checked_array
from .deep import WHITE
from .errors import MIN_SIDE, ImageError
from .files import IMAGE_SUFFIXES, open_regular
from .reader import MAX_PIXELS, DecodedImage, check_header, common_white, decode_image, read_image

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "WHITE",
    "DecodedImage",
    "ImageError",
    "check_header",
    "checked_array",
    "common_white",
    "decode_image",
    "open_regular",
    "read_image",
]
