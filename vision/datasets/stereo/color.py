"""Augmentations of a stereo pair's colors: callables `(sample, rng) -> sample` that leave geometry and truth alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from vision.datasets.augment import Compose, Transform
from vision.datasets.checks import checked_prob, checked_range
from vision.datasets.color import ColorRange, recolored
from vision.datasets.transforms import register_transform

Sample = dict[str, Any]


@register_transform
class RandomStereoColor:
    """Change brightness, contrast, saturation, hue and gamma: of both views alike, or of each by itself.

    Args:
        brightness, contrast, saturation, hue, gamma: as in `ColorRange`.
        asymmetric: share of pairs whose views change differently.
        prob: share of pairs that change.
    """

    def __init__(
        self,
        brightness: float = 0.3,
        contrast: float = 0.3,
        saturation: float = 0.4,
        hue: float = 0.08,
        gamma: tuple[float, float] = (0.8, 1.25),
        asymmetric: float = 0.2,
        prob: float = 0.8,
    ) -> None:
        self.range = ColorRange(brightness, contrast, saturation, hue, gamma)
        self.asymmetric = checked_prob(asymmetric)
        self.prob = checked_prob(prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        change = self.range.draw(rng)
        other = self.range.draw(rng) if rng.random() < self.asymmetric else change
        return {**sample, "left": recolored(sample["left"], *change), "right": recolored(sample["right"], *other)}


@register_transform
class RandomErase:
    """Fill rectangles of the right view with its mean color, so that what is hidden must be guessed.

    Left pixels whose match is filled are no longer `visible` (RAFT-Stereo, Lipson et al., 3DV 2021, erases alike).

    Args:
        size: shortest and longest side in pixels.
        most: up to this many rectangles.
        prob: share of pairs with any.
    """

    def __init__(self, size: tuple[int, int] = (50, 100), most: int = 2, prob: float = 0.5) -> None:
        self.size = checked_range("size", size, 1, 10000)
        self.most = checked_range("most", (most, most), 1, 100)[0]
        self.prob = checked_prob(prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        right = sample["right"].copy()
        height, width = right.shape[:2]
        mean = right.reshape(-1, 3).mean(0).round()
        filled = np.zeros((height, width), bool)
        for _ in range(int(rng.integers(1, self.most + 1))):
            top, left = int(rng.integers(height)), int(rng.integers(width))
            rows, columns = rng.integers(self.size[0], self.size[1] + 1, 2).tolist()
            filled[top : top + rows, left : left + columns] = True
        right[filled] = mean
        result = {**sample, "right": right}
        if sample.get("visible_right") is not None:
            result["visible_right"] = sample["visible_right"] & ~filled
        if sample.get("visible") is not None:
            result["visible"] = sample["visible"] & ~_matches(sample, filled)
        return result


@register_transform
class RandomSoften:
    """Reduce and enlarge both views again, so that they show what small images do when they are matched enlarged.

    Args:
        factor: smallest and largest number of pixels along each axis that become one in between.
        prob: share of pairs that are softened.
    """

    def __init__(self, factor: tuple[float, float] = (1.0, 2.2), prob: float = 0.6) -> None:
        self.factor = checked_range("factor", factor, 1.0, 16.0)
        self.prob = checked_prob(prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        factor = rng.uniform(*self.factor)
        return {**sample, **{name: _softened(sample[name], factor) for name in ("left", "right")}}


@register_transform
class PerView:
    """Apply augmentations of single images (`RandomJPEG`, `RandomNoise`, `RandomBlur`, ...) to each view by itself.

    Only those that keep the size and move nothing make sense.

    Args:
        transforms: as for `vision.datasets.Compose`.
        alike: share of pairs whose views get the same random choices.
    """

    def __init__(self, transforms: Sequence[Transform | dict[str, Any]], alike: float = 0.5) -> None:
        self.transform = Compose(transforms)
        self.alike = checked_prob(alike)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        alike = rng.random() < self.alike
        states = rng.integers(2**62, size=2)
        result = dict(sample)
        for name, state in (("left", states[0]), ("right", states[0 if alike else 1])):
            result[name] = self.transform(sample[name], np.random.default_rng(state))
            if result[name].shape != sample[name].shape:
                raise ValueError(
                    f"PerView: an augmentation changed a view from {sample[name].shape} to {result[name].shape}; "
                    "use those that keep the size"
                )
        return result


def _softened(view: np.ndarray, factor: float) -> np.ndarray:
    height, width = view.shape[:2]
    size = max(1, round(width / factor)), max(1, round(height / factor))
    small = cv2.resize(view, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _matches(sample: Sample, filled: np.ndarray) -> np.ndarray:
    """Which left pixels match a filled pixel of the right view, bool `[H, W]`; none where the truth is unknown."""
    height, width = filled.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    if sample.get("flow") is not None:
        x, y = x + sample["flow"][..., 0], y + sample["flow"][..., 1]
    elif sample.get("disparity") is not None:
        x = x - sample["disparity"]
    else:
        return np.zeros_like(filled)
    inside = np.isfinite(x) & np.isfinite(y) & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    columns = np.where(inside, x, 0).round().astype(int)
    rows = np.where(inside, y, 0).round().astype(int)
    return np.asarray(filled[rows, columns] & inside)
