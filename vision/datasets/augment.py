"""Augmentations of one image: callables on uint8 RGB `[H, W, 3]` with an explicit random generator.

None of them sees the label, so real and generated images are treated alike by construction. Those that act at random
take `prob`, the share of images that they touch. Nothing here resizes an image to a wanted size: crops extend what
is too small by reflection or tiling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from vision.datasets.checks import checked_pair, checked_prob, checked_range
from vision.datasets.transforms import build_transform, register_transform
from vision.pixels import CHROMA, blur, extend, jpeg, webp

Transform = Callable[[np.ndarray, np.random.Generator], np.ndarray]

_INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)


@register_transform
class Compose:
    """Apply transforms in order.

    Args:
        transforms: callables `(image, rng) -> image`, or dicts `dict(type="RandomJPEG", prob=0.5)` that name a class of
            `vision.datasets` or of mmengine's TRANSFORMS registry.
    """

    def __init__(self, transforms: Sequence[Transform | dict[str, Any]]) -> None:
        self.transforms = [build_transform(transform) for transform in transforms]

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for transform in self.transforms:
            image = transform(image, rng)
        return image


@register_transform
class RandomApply:
    """Apply a list of transforms, all or none of them."""

    def __init__(self, transforms: Sequence[Transform | dict[str, Any]], prob: float = 0.5) -> None:
        self.transform = Compose(transforms)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.transform(image, rng) if rng.random() < self.prob else image


@register_transform
class SomeOf:
    """Apply between `least` and `most` of the transforms, a random choice in random order."""

    def __init__(
        self, transforms: Sequence[Transform | dict[str, Any]], most: int | None = None, least: int = 0
    ) -> None:
        self.transforms = Compose(transforms).transforms
        self.most = len(self.transforms) if most is None else most
        self.least = least
        if not 0 <= least <= self.most <= len(self.transforms):
            raise ValueError(f"least={least}, most={self.most}; expected 0 <= least <= most <= {len(self.transforms)}")

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        count = int(rng.integers(self.least, self.most + 1))
        for index in rng.permutation(len(self.transforms))[:count]:
            image = self.transforms[index](image, rng)
        return image


@register_transform
class RandomCrop:
    """Cut a window of `size` (height and width, or one number) at a random place, extending smaller images."""

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = checked_pair(size)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        image = extend(image, self.size)
        top = int(rng.integers(image.shape[0] - self.size[0] + 1))
        left = int(rng.integers(image.shape[1] - self.size[1] + 1))
        return image[top : top + self.size[0], left : left + self.size[1]]


@register_transform
class CenterCrop:
    """Cut the central window of `size` (height and width, or one number), extending smaller images."""

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = checked_pair(size)

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        image = extend(image, self.size)
        top = (image.shape[0] - self.size[0]) // 2
        left = (image.shape[1] - self.size[1]) // 2
        return image[top : top + self.size[0], left : left + self.size[1]]


@register_transform
class RandomFlip:
    """Mirror left to right, and with `vertical_prob` also top to bottom."""

    def __init__(self, prob: float = 0.5, vertical_prob: float = 0.0) -> None:
        self.prob = checked_prob(prob)
        self.vertical_prob = checked_prob(vertical_prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < self.prob:
            image = image[:, ::-1]
        if rng.random() < self.vertical_prob:
            image = image[::-1]
        return image


@register_transform
class RandomJPEG:
    """Save as JPEG of a random quality and chroma subsampling (4:2:0, 4:2:2, 4:4:4) and read it back.

    Args:
        quality: lowest and highest quality, both included.
        prob: share of images that are compressed.
        shift_prob: share of these whose 8x8 block grid starts at a random offset, as in a crop of a larger file.
    """

    def __init__(self, quality: tuple[int, int] = (30, 100), prob: float = 0.5, shift_prob: float = 0.5) -> None:
        self.quality = checked_range("quality", quality, 1, 100)
        self.prob = checked_prob(prob)
        self.shift_prob = checked_prob(shift_prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
        chroma = CHROMA[rng.integers(len(CHROMA))]
        top, left = rng.integers(0, 8, size=2).tolist() if rng.random() < self.shift_prob else (0, 0)
        return jpeg(image, quality, chroma, (top, left))


@register_transform
class RandomWebP:
    """Save as lossy WebP of a random quality and read it back. Slow, about 5 ms at 256x256: keep `prob` low."""

    def __init__(self, quality: tuple[int, int] = (30, 100), prob: float = 0.1) -> None:
        self.quality = checked_range("quality", quality, 1, 100)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        return webp(image, int(rng.integers(self.quality[0], self.quality[1] + 1)))


@register_transform
class RandomBlur:
    """Gaussian blur with a random sigma in pixels."""

    def __init__(self, sigma: tuple[float, float] = (0.1, 2.0), prob: float = 0.1) -> None:
        self.sigma = checked_range("sigma", sigma, 0.0, 100.0)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return blur(image, float(rng.uniform(*self.sigma))) if rng.random() < self.prob else image


@register_transform
class RandomResize:
    """Scale both sides by one random factor (uniform in its logarithm) with a random interpolation."""

    def __init__(self, factor: tuple[float, float] = (0.75, 1.33), prob: float = 0.2) -> None:
        self.factor = checked_range("factor", factor, 0.05, 20.0)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        factor = math.exp(rng.uniform(math.log(self.factor[0]), math.log(self.factor[1])))
        height, width = (max(1, round(side * factor)) for side in image.shape[:2])
        interpolation = _INTERPOLATIONS[rng.integers(len(_INTERPOLATIONS))]
        return cv2.resize(image, (width, height), interpolation=interpolation)


@register_transform
class RandomNoise:
    """Add Gaussian noise of a random standard deviation, in gray levels of 0..255."""

    def __init__(self, sigma: tuple[float, float] = (0.5, 8.0), prob: float = 0.1) -> None:
        self.sigma = checked_range("sigma", sigma, 0.0, 255.0)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        noise = np.empty(image.shape, np.float32)
        # OpenCV's generator is three times as fast as NumPy's; seeding it here keeps the result a function of `rng`.
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, np.zeros(1), np.array([rng.uniform(*self.sigma)]))
        return cv2.add(image, noise, dtype=cv2.CV_8U)


@register_transform
class FixedCorruption:
    """Blur by a fixed sigma, then compress by a fixed JPEG quality: one cell of the robustness sweep.

    Args:
        jpeg: quality 1..100 (4:2:0), or None for no compression.
        blur: sigma in pixels, 0 for none.
    """

    def __init__(self, jpeg: int | None = None, blur: float = 0) -> None:
        if jpeg is not None:
            checked_range("jpeg", (jpeg, jpeg), 1, 100)
        self.jpeg = jpeg
        self.blur = checked_range("blur", (blur, blur), 0.0, 100.0)[0]

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        image = blur(image, self.blur) if self.blur else image
        return image if self.jpeg is None else jpeg(image, self.jpeg)
