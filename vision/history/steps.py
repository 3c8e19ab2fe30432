"""How likely it is that DCT coefficients were quantized by a step, rather than not at all.

Quantized, they lie close to multiples of the step: only rounding of the decoded pixels moves them. What was never
quantized falls anywhere between two multiples, or rather farther from them, since large coefficients are rarer than
small ones. Compare Fan and de Queiroz, "Identification of bitmap compression history: JPEG detection and quantizer
estimation", IEEE Transactions on Image Processing 12(2), 2003.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vision.images.jpeg import standard_tables

# Pixels that are rounded to whole numbers move coefficients by a deviation of sqrt(1 / 12); a little more for decoders
# that differ, and a share of values that do not fit at all.
_DEVIATION = 0.32
_OUTLIERS = 0.03
# Bins of magnitudes: narrow ones, as steps of 1 need them, up to 32, then wide ones.
_NARROW, _WIDE = 1 / 8, 1 / 2
_NUM_NARROW, _NUM_WIDE = 256, 960
_NUM_BINS = _NUM_NARROW + _NUM_WIDE
_NARROW_END = _NUM_NARROW * _NARROW
_LEAST_WIDE_STEP = 6  # smaller steps are not seen in wide bins
_PARTS = 4  # a bin counts by its mean over so many parts

STEPS = np.union1d(np.arange(1, 64), standard_tables())


def histograms(coefficients: np.ndarray) -> np.ndarray:
    """How often each magnitude occurs.

    Args:
        coefficients: `[blocks, frequencies]`.

    Returns:
        float32 `[frequencies, bins]`.
    """
    magnitude = np.abs(coefficients)
    narrow = magnitude * np.float32(1 / _NARROW)
    wide = (magnitude - np.float32(_NARROW_END)) * np.float32(1 / _WIDE) + _NUM_NARROW
    bins = np.minimum(np.where(magnitude < _NARROW_END, narrow, wide), _NUM_BINS).astype(np.int32)
    number = coefficients.shape[1]
    bins += np.arange(number, dtype=np.int32) * (_NUM_BINS + 1)  # the last bin is for what is beyond all
    counts = np.bincount(bins.ravel(), minlength=number * (_NUM_BINS + 1))
    return counts.reshape(number, -1)[:, :_NUM_BINS].astype(np.float32)


def evidence(counts: np.ndarray) -> np.ndarray:
    """Log-likelihood of each step against none, in nats.

    Its exponential has an expectation of at most 1 if the values were not quantized and larger ones are rarer.

    Args:
        counts: `[..., bins]` of `histograms`.

    Returns:
        `[..., steps]`, in the order of `STEPS`.
    """
    return counts @ _gains()


@lru_cache(maxsize=1)
def _gains() -> np.ndarray:
    """What one value in a bin adds to the evidence for a step: float32 `[bins, steps]`."""
    width = np.repeat([_NARROW, _WIDE], [_NUM_NARROW, _NUM_WIDE])
    parts = (np.arange(_PARTS) + 0.5) / _PARTS
    values = (np.cumsum(width) - width)[:, None] + width[:, None] * parts
    center = values.mean(axis=1)
    gains = np.stack([_gain(values, center, int(step)) for step in STEPS], axis=1)
    return gains.astype(np.float32)


def _gain(values: np.ndarray, center: np.ndarray, step: int) -> np.ndarray:
    residual = values - step * np.round(values / step)
    neighbors = (-step, 0, step) if step <= 3 else (0,)
    density = sum(np.exp(-0.5 * ((residual + shift) / _DEVIATION) ** 2) for shift in neighbors)
    relative = (density * (step / _DEVIATION / np.sqrt(2 * np.pi))).mean(axis=1)
    gain = np.log((1 - _OUTLIERS) * relative + _OUTLIERS)
    # Small values are frequent in any image: near 0 they are no evidence for a step, only away from it against one.
    gain = np.where(center < step / 2, np.minimum(gain, 0), gain)
    return np.where((center > _NARROW_END) & (step < _LEAST_WIDE_STEP), 0, gain)
