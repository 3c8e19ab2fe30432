"""Small copies of an image and its heat map, as data URIs of bounded size."""

from __future__ import annotations

import base64
from typing import NamedTuple

import cv2
import numpy as np

from vision.structures.heatmap import HeatMap
from vision.visualization.forgery import overlay_of

# Images so far -> side in pixels, and bytes of the image; its heat map, which is smooth and pale, takes half as many.
_TIERS = ((200, 480, 42_000), (1000, 320, 18_000))
_LAST_TIER = (160, 7_000)
_QUALITIES = (80, 65, 50, 35, 20)
# The side below which an image is shown enlarged.
_MIN_SIDE = 240


class Thumbnail(NamedTuple):
    """An image as the page shows it.

    Attributes:
        image: data URI.
        overlay: data URI of the heat map over the grayed image, None without one.
        width, height: on the page.
        is_enlarged: whether its pixels are shown larger than they are.
    """

    image: str
    overlay: str | None
    width: int
    height: int
    is_enlarged: bool


def thumbnail(image: np.ndarray | None, heat: HeatMap | None, number: int) -> Thumbnail | None:
    """Scale an image down and lay its heat map over it.

    Args:
        image: uint8 RGB `[h, w, 3]`; the heat map's copy by default.
        heat: heat map of the image.
        number: of images that the page has so far; the more there are, the smaller they get.

    Returns:
        None where there is neither.
    """
    if image is None:
        if heat is None:
            return None
        image = heat.preview
    side, most = next(((side, most) for count, side, most in _TIERS if number < count), _LAST_TIER)
    image = _reduced(image, side)
    overlay = None if heat is None else _uri(overlay_of(image, heat), most // 2)
    height, width = image.shape[:2]
    factor = max(1, _MIN_SIDE // max(height, width))
    return Thumbnail(_uri(image, most), overlay, width * factor, height * factor, factor > 1)


def _reduced(image: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _uri(image: np.ndarray, most: int) -> str:
    """A JPEG file of at most so many bytes: what is mostly noise gets a lower quality, then fewer pixels."""
    while True:
        for quality in _QUALITIES:
            _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            if len(data) <= most:
                return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
        image = _reduced(image, max(image.shape[:2]) // 2)
