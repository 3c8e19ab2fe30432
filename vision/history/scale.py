"""Whether an image was enlarged, and by how much.

Interpolation makes pixels between others smoother than those that lie on others, with the period of the factor
(Gallagher, "Detection of linear and cubic interpolation in JPEG compressed images", CRV 2005; Mahdian and Saic, "Blind
authentication using periodic properties of interpolation", IEEE TIFS 3(3), 2008). Along one axis, an enlargement by s
lets frequencies f and f - 1/s agree, but sampling shows 1/s and 1 - 1/s as the same line. So three bands are looked at
apart, each of which only one range of factors can fill:

- above 0.42 there are both frequencies of such a pair for factors below 1.16, above 3/8 below 4/3, above 1/4 below 2;
- below 1/4 there are both for factors above 2.
"""

from __future__ import annotations

import cv2
import numpy as np

from vision.history.crops import luma, textured_crops
from vision.history.scale_estimate import ScaleEstimate
from vision.images import checked_array

_CROP = 512
_LEAST_SIDE = 128
_NONE = ScaleEstimate(factor=None, periodic=False, confidence=0.0)

# Times the median of neighboring frequencies, both axes together. Textures and reductions stay below.
_LEAST_HIGH, _LEAST_LOW = 500.0, 150.0
_LEAST_AXIS = 0.08  # share of the weaker axis
_NOTICEABLE = 0.4  # share of a least strength from which a line is named without a factor
# The 8x8 grids of JPEG, and of decoders of latents, have lines at multiples of 1/8, demosaicing at 1/2.
_GRID = 8
_GUARD = 4.0  # in frequencies of a crop without padding: a strong line is so wide
_NUM_CANDIDATES = 5
_MOST_IN_MIDDLE = 0.3  # of the strength above: grids of blocks have more
_LEAST_OF_GRID = 40.0  # weaker lines tell nothing of a grid
_SMOOTHING = 31
_NEIGHBORS = 24
_SOFTNESS = 0.006  # of the edges of bands, in cycles per pixel


def estimate_scale(image: np.ndarray) -> ScaleEstimate:
    """By how much an image was enlarged, from periodic traces of interpolation.

    Looked at are the 512 x 512 pixels with most texture. Factors are found from 1.1 to 4, but for those whose traces
    fall on the lines of 8x8 grids or of demosaicing: 8/7, 4/3, 8/5, 2, 8/3 and 4, give or take 1 % (2 % in crops of 256
    pixels). Reductions leave little: they may give traces without a factor, mostly they give none.

    Args:
        image: uint8 RGB `[H, W, 3]`; of less than 128 x 128 pixels there is no estimate.

    Raises:
        ImageError: another type or shape, or less than 8 x 8 pixels.
    """
    image = checked_array(image, "image")
    if min(image.shape[:2]) < _LEAST_SIDE:
        return _NONE
    row, column = textured_crops(image, _CROP, 1)[0]
    cut = luma(image[row : row + _CROP, column : column + _CROP])
    side = min(cut.shape)
    spectra = _Spectra((np.ascontiguousarray(cut[:side, :side]), np.ascontiguousarray(cut[:side, :side].T)))
    high, low = spectra.below_two(), spectra.above_two()
    trace = max(high.max() / _LEAST_HIGH, low.max() / _LEAST_LOW)
    if trace < _NOTICEABLE:
        return _NONE
    factor = _large_factor(spectra, high, low) or _small_factor(spectra, high, low)
    return ScaleEstimate(factor and round(factor, 3), True, round(float(trace / (trace + 1)), 3))


class _Spectra:
    """How much lines stand out in the bands of an image, by frequency."""

    def __init__(self, axes: tuple[np.ndarray, np.ndarray]) -> None:
        side = axes[0].shape[1]
        self.axes = axes
        self.frequencies = np.arange(side + 1) / (2 * side)
        self.step = 1 / side  # width of a line
        away = np.abs(self.frequencies * _GRID - np.round(self.frequencies * _GRID)) / _GRID
        self.allowed = away > _GUARD * self.step

    def below_two(self) -> np.ndarray:
        """Lines at 1 - 1/s for factors from 1.1 to 2."""
        result = np.zeros(len(self.frequencies))
        for start, end, edge in ((0.085, 0.14, 0.42), (0.14, 0.25, 0.375), (0.25, 0.5, 0.25)):
            lines = self._joined([np.abs(_band(axis, edge, 0.5)) for axis in self.axes], 0.5)
            result = np.where((self.frequencies >= start) & (self.frequencies < end), lines, result)
        return np.where(self.allowed, result, 0)

    def above_two(self) -> np.ndarray:
        """Lines at 1/s for factors from 2 to 4."""
        lines = self._joined([_curvature(_band(axis, 0, 0.25)) for axis in self.axes], 0.3)
        return np.where(self.allowed & (self.frequencies > 0.25), lines, 0)

    def middle(self) -> np.ndarray:
        """Lines of a grid of blocks, in a band that factors below 4/3 do not reach."""
        return self._joined([np.abs(_band(axis, 0.15, 0.27)) for axis in self.axes], 0.5)

    def whole(self) -> np.ndarray:
        """Lines in all of the image."""
        return np.where(self.allowed, self._joined([_curvature(axis) for axis in self.axes], 1.0), 0)

    def at(self, lines: np.ndarray, alias: float) -> float:
        """The strength next to a frequency above 1/2, too."""
        near = np.abs(self.frequencies - _folded(alias)) <= 1.5 * self.step
        return float(lines[near].max(initial=0))

    def same(self, one: float, other: float) -> bool:
        """Whether two frequencies are one line in samples."""
        return abs(_folded(one) - _folded(other)) < _GUARD * self.step

    def _joined(self, variations: list[np.ndarray], offset: float) -> np.ndarray:
        """Both axes together; what only one has is no change of size."""
        first, second = (_lines(variation, offset) for variation in variations)
        return np.where(np.minimum(first, second) >= _LEAST_AXIS * (first + second), first + second, 0)


def _large_factor(spectra: _Spectra, high: np.ndarray, low: np.ndarray) -> float | None:
    """A factor above 2."""
    whole = spectra.whole()
    for place in _strongest(low, _LEAST_LOW):
        frequency = float(spectra.frequencies[place])
        half = (1 - frequency) / 2  # of which it would be the double
        is_double = not spectra.same(half, frequency) and spectra.at(low, half) > 0.3 * low[place]
        if is_double or spectra.at(high, frequency) > low[place]:
            continue
        if spectra.at(whole, frequency) > 0.1 * whole.max() and not _of_grid(spectra, whole, frequency):
            return 1 / frequency
    return None


def _small_factor(spectra: _Spectra, high: np.ndarray, low: np.ndarray) -> float | None:
    """A factor below 2."""
    whole, middle = spectra.whole(), spectra.middle()
    for place in _strongest(high, _LEAST_HIGH):
        line, strength = float(spectra.frequencies[place]), float(high[place])
        if line < 0.25 and (
            spectra.at(middle, line) > _MOST_IN_MIDDLE * strength
            or max(spectra.at(whole, 2 * line), spectra.at(whole, 3 * line)) > _least_of_grid(spectra, whole, line)
        ):
            continue  # the grid of an earlier JPEG, which was made smaller
        if spectra.at(low, (1 - line) / 2) > _LEAST_LOW:
            return None  # a harmonic of a factor above 2
        return None if _of_grid(spectra, whole, 1 - line) else 1 / (1 - line)
    return None


def _of_grid(spectra: _Spectra, whole: np.ndarray, frequency: float) -> bool:
    """Whether a line is one of those that the grid of an earlier JPEG left.

    It has grown with the image, and has lines at multiples of 1/(8 s). That at 1/s is where interpolation has its own;
    those below it may be stronger. Lines at fifths, sixths or sevenths of a line tell which of them it is.
    """
    fractions = [numerator / multiple for multiple in (5, 7) for numerator in range(2, multiple)]
    fractions += [2 / 6, 5 / 6, *(_GRID / multiple for multiple in (5, 6, 7, 9))]
    others = [alias for alias in (frequency * each for each in fractions) if not spectra.same(alias, frequency)]
    return max(spectra.at(whole, alias) for alias in others) > _least_of_grid(spectra, whole, frequency)


def _least_of_grid(spectra: _Spectra, whole: np.ndarray, frequency: float) -> float:
    return max(_LEAST_OF_GRID, 0.3 * spectra.at(whole, frequency))


def _strongest(lines: np.ndarray, least: float) -> list[int]:
    """Places of lines, the strongest first, not those beside stronger ones."""
    places: list[int] = []
    for place in np.argsort(-lines)[:60]:
        if lines[place] >= least and all(abs(place - other) > 6 for other in places):
            places.append(int(place))
    return places[:_NUM_CANDIDATES]


def _folded(frequency: float) -> float:
    return abs((frequency + 0.5) % 1 - 0.5)


def _lines(variation: np.ndarray, offset: float) -> np.ndarray:
    """How much each frequency along rows stands out in the mean variation of pixels: `[2 * side / 2 + 1]`."""
    side = variation.shape[1]
    profile = np.log(variation + np.float32(offset)).mean(axis=0)  # by the logarithm, edges do not outweigh texture
    profile = profile - cv2.blur(profile[None], (_SMOOTHING, 1), borderType=cv2.BORDER_REFLECT)[0]
    power = np.abs(np.fft.rfft(profile * np.hanning(side), 2 * side)) ** 2
    padded = np.pad(power, _NEIGHBORS, mode="reflect")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBORS + 1), axis=1)
    return power / np.maximum(around, 1e-9)


def _curvature(rows: np.ndarray) -> np.ndarray:
    inner = np.abs(2 * rows[:, 1:-1] - rows[:, :-2] - rows[:, 2:])
    return np.pad(inner, ((0, 0), (1, 1)), mode="edge")


def _band(rows: np.ndarray, start: float, end: float) -> np.ndarray:
    """The part of each row between two frequencies, in cycles per pixel."""
    spectrum = np.fft.rfft(rows, axis=1)
    frequencies = np.arange(spectrum.shape[1]) / rows.shape[1]
    weights = np.ones(len(frequencies))
    if start > 0:
        weights /= 1 + np.exp((start - frequencies) / _SOFTNESS)
    if end < 0.5:
        weights /= 1 + np.exp((frequencies - end) / _SOFTNESS)
    return np.fft.irfft(spectrum * weights, rows.shape[1], axis=1).astype(np.float32)
