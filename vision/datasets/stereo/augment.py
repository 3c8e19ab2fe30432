"""Augmentations of a stereo pair's geometry: callables `(sample, rng) -> sample` on what `StereoDataset` gives.

They return a new dict and leave the given one and its arrays alone. All take samples without truth, with sparse truth
(NaN where unknown, never averaged) and, but for what is said, with `flow` in place of `disparity`. What they move out
of the other view's image is no longer `visible`.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from vision.datasets.checks import checked_pair, checked_prob, checked_range
from vision.datasets.transforms import register_transform

Sample = dict[str, Any]

# Maps on the left view's pixels, then the same on the right view's.
_LEFT_MAPS, _RIGHT_MAPS = ("disparity", "visible", "flow"), ("disparity_right", "visible_right")


@register_transform
class RandomStereoScale:
    """Resize both views by one random factor, and disparity or flow with them.

    Truth is interpolated within a surface and taken from the nearest pixel at edges and where it is sparse.

    Args:
        scale: smallest and largest factor, drawn uniformly in the logarithm.
        stretch: the vertical factor differs from the horizontal one by up to this share.
        min_size: the result has at least this height and width (or one number), as the crop after it needs.
        prob: share of pairs that are resized beyond what `min_size` asks.
    """

    def __init__(
        self,
        scale: tuple[float, float] = (0.75, 1.5),
        stretch: float = 0.1,
        min_size: int | tuple[int, int] | None = None,
        prob: float = 0.8,
    ) -> None:
        self.scale = checked_range("scale", scale, 0.05, 20.0)
        self.stretch = checked_range("stretch", (stretch, stretch), 0.0, 1.0)[0]
        self.min_size = None if min_size is None else checked_pair(min_size)
        self.prob = checked_prob(prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = sample["left"].shape[:2]
        across = down = 1.0
        if rng.random() < self.prob:
            across = math.exp(rng.uniform(math.log(self.scale[0]), math.log(self.scale[1])))
            down = across * math.exp(rng.uniform(-1, 1) * math.log1p(self.stretch))
        size = round(height * down), round(width * across)
        if self.min_size is not None:
            size = max(size[0], self.min_size[0]), max(size[1], self.min_size[1])
        return resize_sample(sample, size)


@register_transform
class RandomStereoCrop:
    """Cut the same window of both views at a random place.

    Args:
        size: height and width, or one number.
        y_jitter: the right view's window starts up to this many rows higher or lower, as with imperfect
            rectification; the disparity stays what it is. Samples with flow, whose rows count, keep them.

    Raises:
        ValueError: (in the call) the views are smaller than the window.
    """

    def __init__(self, size: int | tuple[int, int], y_jitter: int = 0) -> None:
        self.size = checked_pair(size)
        self.y_jitter = int(checked_range("y_jitter", (y_jitter, y_jitter), 0, 100)[0])

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        (rows, columns), (height, width) = self.size, sample["left"].shape[:2]
        if height < rows or width < columns:
            raise ValueError(
                f"{sample.get('path')}: views of {height} x {width} pixels are smaller than the crop of "
                f"{rows} x {columns}; put RandomStereoScale(min_size=...) before it, or take a smaller crop"
            )
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        other = top
        if self.y_jitter and sample.get("flow") is None:
            other = top + int(rng.integers(-self.y_jitter, self.y_jitter + 1))
            other = min(max(other, 0), height - rows)
        across = slice(left, left + columns)
        result = dict(sample)
        for names, start in ((("left", *_LEFT_MAPS), top), (("right", *_RIGHT_MAPS), other)):
            for name in names:
                if sample.get(name) is not None:
                    result[name] = np.ascontiguousarray(sample[name][start : start + rows, across])
        return hide_outside(result)


@register_transform
class RandomVerticalJitter:
    """Shift the right view by a fraction of a row up or down, and tilt it a little, as a bad rectification does.

    Samples with flow stay as they are: there, rows count.

    Args:
        shift: largest shift in pixels.
        tilt: largest difference of the shift between the left and the right border, in pixels.
        prob: share of pairs that are shifted.
    """

    def __init__(self, shift: float = 1.0, tilt: float = 0.5, prob: float = 0.3) -> None:
        self.shift = checked_range("shift", (shift, shift), 0.0, 100.0)[0]
        self.tilt = checked_range("tilt", (tilt, tilt), 0.0, 100.0)[0]
        self.prob = checked_prob(prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob or sample.get("flow") is not None:
            return sample
        height, width = sample["right"].shape[:2]
        shift, tilt = rng.uniform(-self.shift, self.shift), rng.uniform(-self.tilt, self.tilt) / width
        matrix = np.array([[1, 0, 0], [tilt, 1, shift - tilt * width / 2]])
        result = dict(sample)
        for name in ("right", *_RIGHT_MAPS):
            value = sample.get(name)
            if value is None:
                continue
            mode = cv2.INTER_CUBIC if name == "right" else cv2.INTER_NEAREST
            plain = value.view(np.uint8) if value.dtype == bool else value
            moved = cv2.warpAffine(plain, matrix, (width, height), flags=mode, borderMode=cv2.BORDER_REPLICATE)
            result[name] = moved.view(value.dtype)
        return result


@register_transform
class RandomStereoFlip:
    """Turn the pair upside down, or mirror it with the views exchanged, so that disparity stays positive.

    Mirroring with exchange needs the truth of the right view: a pair with truth of the left one alone is not mirrored.
    Flow samples are mirrored without exchange, with the sign of their x turned.

    Args:
        horizontal_prob: share of pairs that are mirrored.
        vertical_prob: share of pairs that are turned upside down.
    """

    def __init__(self, horizontal_prob: float = 0.5, vertical_prob: float = 0.1) -> None:
        self.horizontal_prob = checked_prob(horizontal_prob)
        self.vertical_prob = checked_prob(vertical_prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        mirror, turn = rng.random() < self.horizontal_prob, rng.random() < self.vertical_prob
        if turn:
            sample = _reverse(sample, (slice(None, None, -1), slice(None)), 1)
        if mirror and sample.get("flow") is not None:
            return _reverse(sample, (slice(None), slice(None, None, -1)), 0)
        if mirror and (sample.get("disparity") is None or sample.get("disparity_right") is not None):
            return _exchange(_reverse(sample, (slice(None), slice(None, None, -1)), 0))
        return sample


def resize_sample(sample: Sample, size: tuple[int, int]) -> Sample:
    """A sample with both views and all maps at another size (height and width), disparity and flow scaled."""
    height, width = sample["left"].shape[:2]
    if size == (height, width):
        return sample
    result = dict(sample)
    for name in ("left", "right"):
        shrinks = size[0] * size[1] < height * width
        mode = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        result[name] = cv2.resize(np.ascontiguousarray(sample[name]), size[::-1], interpolation=mode)
    factors = np.array([size[1] / width, size[0] / height], np.float32)
    for name in (*_LEFT_MAPS, *_RIGHT_MAPS):
        value = sample.get(name)
        if value is None:
            continue
        if value.dtype == bool:
            result[name] = cv2.resize(value.view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0
        else:
            result[name] = _resize_truth(value, size) * (factors if name == "flow" else factors[0])
    return result


def hide_outside(sample: Sample) -> Sample:
    """The sample with `visible` false where the matching pixel lies outside the other view's image."""
    height, width = sample["left"].shape[:2]
    result = dict(sample)
    for visible, truth, sign in (("visible", "disparity", -1), ("visible_right", "disparity_right", 1)):
        if sample.get(visible) is None or sample.get(truth) is None:
            continue
        with np.errstate(invalid="ignore"):
            place = np.arange(width, dtype=np.float32) + sign * sample[truth]
            result[visible] = sample[visible] & ~((place < 0) | (place > width - 1))
    if sample.get("visible") is not None and sample.get("flow") is not None:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        with np.errstate(invalid="ignore"):
            x, y = x + sample["flow"][..., 0], y + sample["flow"][..., 1]
            outside = (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
        result["visible"] = sample["visible"] & ~outside
    return result


def _resize_truth(value: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A float map at another size: linear where its neighbors belong together, else the nearest one."""
    value = np.ascontiguousarray(value)
    nearest = cv2.resize(value, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    smooth = cv2.resize(value, size[::-1], interpolation=cv2.INTER_LINEAR)
    with np.errstate(invalid="ignore"):
        # Neighbors on one surface differ by less than half a pixel; between two surfaces a mean is the disparity of
        # neither. NaN spoils the smooth value of all that touch it, and then fails the comparison.
        apart = ~(np.abs(smooth - nearest) <= 0.5)
    if apart.ndim == 3:
        apart = apart.any(axis=2, keepdims=True)
    return np.where(apart, nearest, smooth)


def _reverse(sample: Sample, order: tuple[slice, slice], axis: int) -> Sample:
    """Both views and all maps in reverse order of rows or columns; flow changes its sign along `axis` (x is 0)."""
    result = dict(sample)
    for name in ("left", "right", *_LEFT_MAPS, *_RIGHT_MAPS):
        if sample.get(name) is not None:
            result[name] = np.ascontiguousarray(sample[name][order])
    if sample.get("flow") is not None:
        result["flow"][..., axis] *= -1
    return result


def _exchange(sample: Sample) -> Sample:
    result = dict(sample)
    for first, second in (("left", "right"), ("disparity", "disparity_right"), ("visible", "visible_right")):
        result[first], result[second] = sample.get(second), sample.get(first)
    return result
