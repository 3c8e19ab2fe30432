"""What each block of an image says about its bit.

A bit moves the largest value of its block, and leaves two traces. The value lies at a quarter or at three quarters of
a step, which slight losses destroy. And for a 1 it is half a step larger on average than for a 0: either it sticks out,
or a smaller value is left in its place, which JPEG compression only blurs. What an image shows moves values far more,
so that blocks are compared with those around.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from vision.watermark.embedding import BLOCK, PITCH, STEP
from vision.watermark.messages import Channel

NUM_TRACES = 2
# U of red, green and blue: 0.492 times what blue exceeds the luma by.
U_WEIGHTS = (-0.492 * 0.299, -0.492 * 0.587, 0.492 * (1 - 0.114))
_STRIP = 64  # rows of pixels at a time: floats of a whole image of 100 megapixels would take gigabytes
_ALL_BUT_FIRST = np.array([[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], np.uint8)
_LEAST_VARIANCE = 3.0  # about what rounding of pixels and a little noise add
_LEAST_TRACE = 1e-3  # below is rounding, as of flat areas, which must not look like bits


@dataclass(frozen=True)
class Extremes:
    """Of the magnitudes in each block except its first: float32 `[rows, columns]`."""

    largest: np.ndarray
    least: np.ndarray


def aligned_extremes(image: np.ndarray, channels: Sequence[Channel]) -> list[Extremes]:
    """For each channel, if blocks begin at the corner of the image.

    Args:
        image: uint8 RGB `[H, W, 3]`, at least 8 x 8.
        channels: in which a watermark may be.

    Returns:
        For each channel those of `[H // 8, W // 8]` blocks.
    """
    height, width = (side // PITCH * PITCH for side in image.shape[:2])
    strips: list[list[Extremes]] = [[] for _ in channels]
    for top in range(0, height, _STRIP):
        half = _half(image[top : min(top + _STRIP, height), :width])
        for channel, found in zip(channels, strips, strict=True):
            magnitude = _magnitude(half, channel)
            # Extremes of slices take a tenth of the time that those over axes of 4 do.
            parts = [magnitude[i::BLOCK, j::BLOCK] for i, j in product(range(BLOCK), repeat=2) if i or j]
            found.append(Extremes(np.maximum.reduce(parts), np.minimum.reduce(parts)))
    return [
        Extremes(np.concatenate([part.largest for part in found]), np.concatenate([part.least for part in found]))
        for found in strips
    ]


def shifted_extremes(image: np.ndarray, channels: Sequence[Channel]) -> Iterator[tuple[Channel, Extremes]]:
    """The same for each channel and each of the 64 places at which blocks may begin, as far as any block fits."""
    for top, left in product((0, 1), repeat=2):
        half = _half(image[top:, left:])
        for channel in channels:
            magnitude = _magnitude(half, channel)
            largest = cv2.dilate(magnitude, _ALL_BUT_FIRST, anchor=(0, 0))
            least = cv2.erode(magnitude, _ALL_BUT_FIRST, anchor=(0, 0))
            for row, column in product(range(BLOCK), repeat=2):
                rows, columns = (half.shape[0] - row) // BLOCK, (half.shape[1] - column) // BLOCK
                if rows > 0 and columns > 0:
                    place = np.s_[row : row + rows * BLOCK : BLOCK, column : column + columns * BLOCK : BLOCK]
                    yield channel, Extremes(largest[place].copy(), least[place].copy())


def traces(extremes: Extremes) -> tuple[np.ndarray, np.ndarray]:
    """Evidence of each block for a 1 (positive) or a 0 (negative).

    Returns:
        That of the level, which strong compression leaves over, and that of the place within a step as well, which
        tells much more where little was lost: float32 `[rows, columns]`.
    """
    middle = _unit(_excess(extremes.largest + extremes.least))
    place = _unit(_balanced(-np.sin((2 * np.pi / STEP) * extremes.largest)))
    return _unit(_excess(extremes.largest)) + middle, place + middle


def _half(image: np.ndarray) -> np.ndarray:
    """Approximation band of the Haar transform of each color, float32 `[H // 2, W // 2, 3]`."""
    height, width = (side // 2 for side in image.shape[:2])
    pixels = image[: 2 * height, : 2 * width].astype(np.float32)
    # It is twice the mean of 2x2 pixels, which is found so in a fourth of PyWavelets' time.
    return 2 * cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def _magnitude(half: np.ndarray, channel: Channel) -> np.ndarray:
    """Magnitude of the approximation band of a channel, float32 `[H // 2, W // 2]`."""
    weights = U_WEIGHTS[::-1] if channel.swapped else U_WEIGHTS
    return np.abs(cv2.transform(half, np.array([weights], np.float32)) + np.float32(2 * channel.zero))


def _mean(values: np.ndarray, side: int) -> np.ndarray:
    return cv2.blur(values, (side, side))


def _excess(values: np.ndarray) -> np.ndarray:
    """By how much blocks exceed those around, as far as the variance there lets it mean anything."""
    excess = values - _mean(values, 3)
    variance = _mean(excess * excess, 5) + _LEAST_VARIANCE
    bound = 2 * np.sqrt(variance)  # an edge must not outweigh all other blocks
    return _balanced(np.clip(excess, -bound, bound) / variance)


def _balanced(values: np.ndarray) -> np.ndarray:
    """Less the mean around: as many blocks speak for a 0 as for a 1, whatever an area looks like."""
    values = values - _mean(values, 5)
    values[np.abs(values) < _LEAST_TRACE] = 0
    return values


def _unit(values: np.ndarray) -> np.ndarray:
    return values / max(float(np.sqrt(np.mean(values * values))), _LEAST_TRACE)
