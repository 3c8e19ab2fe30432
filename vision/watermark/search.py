"""Find invisible watermarks, with the rate at which images without one would be taken to have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

import numpy as np

from vision.images import checked_array
from vision.watermark.evidence import NUM_TRACES, aligned_extremes, shifted_extremes, traces
from vision.watermark.match import WatermarkMatch
from vision.watermark.messages import WATERMARKS, Channel, Watermark
from vision.watermark.rows import matches, strongest_step, sums_of_steps

MAX_FPR = 1e-6
# All 64 places of blocks are tried in the middle of larger images: enough for any message, within seconds.
THOROUGH_SIDE = 2048

_CHANNELS = tuple(dict.fromkeys(channel for mark in WATERMARKS for channel in mark.channels))
_READINGS = sum(len(mark.channels) for mark in WATERMARKS) * NUM_TRACES


@dataclass(frozen=True)
class _Reading:
    """Sums of the evidence `[length]` for the bits of a message, whose first bit may be any of them."""

    mark: Watermark
    sums: np.ndarray
    any_start: bool

    def match(self, num_stages: int) -> WatermarkMatch:
        """As if it were a watermark."""
        length = len(self.mark.message)
        matched = matches(self.sums, self.mark.message, self.any_start)
        trials = num_stages * _READINGS * (length if self.any_start else 1)
        return WatermarkMatch(self.mark.name, length, matched, min(1.0, trials * binomial_tail(length, matched)))


def find_watermark(image: np.ndarray, thorough: bool = False) -> WatermarkMatch | None:
    """The known watermark that an image carries, if any.

    It is looked for as it was written, and with rows of blocks of any length and start, as a crop by multiples of 8
    pixels leaves it. An image that was resized or rotated has lost it.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        thorough: try all 64 places within 8x8 pixels at which blocks may begin, so that it is found after any crop;
            in the middle 2048 x 2048 pixels of larger images.

    Returns:
        The best match if its false-positive rate is at most `MAX_FPR`, one in a million.

    Raises:
        ImageError: another type or shape, or less than 8 x 8 pixels.
    """
    image = checked_array(image, "image")
    num_stages = 3 if thorough else 2  # the rate counts all, though the search ends with the first that finds
    for readings in _stages(image, thorough):
        best = min((reading.match(num_stages) for reading in readings), key=lambda match: match.fpr)
        if best.fpr <= MAX_FPR:
            return best
    return None


def binomial_tail(count: int, least: int) -> float:
    """Probability that at least `least` of `count` fair coins show heads."""
    return sum(comb(count, heads) for heads in range(least, count + 1)) / 2**count


def _stages(image: np.ndarray, thorough: bool) -> Iterator[list[_Reading]]:
    """Ways to read an image, from the one with the fewest to the one with the most that is unknown."""
    as_written, cropped = [], []
    for channel, extremes in zip(_CHANNELS, aligned_extremes(image, _CHANNELS), strict=True):
        for trace in traces(extremes):
            for mark in _marks(channel):
                sums = sums_of_steps(trace, len(mark.message))
                as_written.append(_Reading(mark, sums[trace.shape[1] % len(sums)], any_start=False))
                cropped.append(_Reading(mark, sums[strongest_step(sums)[0]], any_start=True))
    yield as_written
    yield cropped
    if thorough:
        yield _strongest_places(_middle(image))


def _strongest_places(image: np.ndarray) -> list[_Reading]:
    """For each message, channel and trace, the place of blocks and the step that differ most from chance."""
    strongest: dict[tuple[Watermark, Channel, int], tuple[float, np.ndarray]] = {}
    for channel, extremes in shifted_extremes(image, _CHANNELS):
        for number, trace in enumerate(traces(extremes)):
            scale = max(float(np.linalg.norm(trace)), 1e-9)
            for mark in _marks(channel):
                sums = sums_of_steps(trace, len(mark.message))
                step, strength = strongest_step(sums)
                key = (mark, channel, number)
                if key not in strongest or strength / scale > strongest[key][0]:
                    strongest[key] = (strength / scale, sums[step])
    return [_Reading(mark, sums, any_start=True) for (mark, _, _), (_, sums) in strongest.items()]


def _marks(channel: Channel) -> list[Watermark]:
    return [mark for mark in WATERMARKS if channel in mark.channels]


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - THOROUGH_SIDE) // 2 for side in image.shape[:2])
    return image[top : top + THOROUGH_SIDE, left : left + THOROUGH_SIDE]
