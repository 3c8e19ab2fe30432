"""Write an invisible watermark: the scheme "dwtDct" of the package invisible-watermark, 0.2.0.

In spite of its name it has no cosine transform. The approximation band of a Haar transform of U is cut into blocks of
4x4, that is, 8x8 pixels. In each block one value carries one bit of the message, which repeats row by row of blocks:
the largest in magnitude except the first. It is moved to a quarter of a step of 36 for a 0, to three quarters for a 1.
"""

from __future__ import annotations

import cv2
import numpy as np
import pywt

from vision.errors import UsageError
from vision.images import checked_array
from vision.watermark.messages import WATERMARKS, Channel

STEP = 36
BLOCK = 4  # values of the approximation band on a side
PITCH = 2 * BLOCK  # pixels on a side


def embed_watermark(image: np.ndarray, name: str, channel: Channel | None = None) -> np.ndarray:
    """A copy of an image with a known watermark, as its generator would have written it.

    Args:
        image: uint8 RGB `[H, W, 3]`. Generators leave images below 256 x 256 pixels as they are; this one does not.
        name: of one of `WATERMARKS`.
        channel: that carries it; the one that the generator writes today if None.

    Raises:
        UsageError: no watermark has this name.
    """
    image = checked_array(image, "image")
    mark = next((mark for mark in WATERMARKS if mark.name == name), None)
    if mark is None:
        known = ", ".join(mark.name for mark in WATERMARKS)
        raise UsageError(f"no watermark is called {name!r}; known are: {known}", code="unknown-watermark", value=name)
    channel = channel or mark.channels[0]
    colors = image if channel.swapped else image[..., ::-1]
    yuv = cv2.cvtColor(np.array(colors, np.float32 if channel.is_float else np.uint8), cv2.COLOR_BGR2YUV)
    height, width = (side // 4 * 4 for side in image.shape[:2])
    low, (horizontal, vertical, diagonal) = pywt.dwt2(yuv[:height, :width, 1], "haar")
    _write(low, mark.message)
    # The original confuses two bands, and cuts off what follows the point: so do its images.
    carried = pywt.idwt2((low, (vertical, horizontal, diagonal)), "haar")
    yuv[:height, :width, 1] = carried if channel.is_float else np.clip(carried, 0, 255)
    colors = cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR)
    if channel.is_float:
        colors = np.clip(colors, 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(colors if channel.swapped else colors[..., ::-1])


def _write(low: np.ndarray, message: str) -> None:
    """Move the largest value of each block, in place."""
    rows, columns = (side // BLOCK for side in low.shape)
    if rows * columns == 0:
        return
    cut = low[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = cut.swapaxes(1, 2).reshape(rows * columns, BLOCK * BLOCK)
    place = np.abs(blocks[:, 1:]).argmax(axis=1) + 1
    number = np.arange(len(blocks))
    value = blocks[number, place]
    bits = np.array([int(bit) for bit in message])[number % len(message)]
    moved = (np.abs(value) // STEP + 0.25 + 0.5 * bits) * STEP
    blocks[number, place] = np.where(value < 0, -moved, moved)
    cut[:] = blocks.reshape(rows, columns, BLOCK, BLOCK).swapaxes(1, 2)
