"""Single frames that are worse than others, as video has them: moved while the shutter was open, out of focus."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms.base import BaseTransform

from vision.datasets.augment import Compose
from vision.datasets.checks import checked_prob, checked_range
from vision.datasets.rng import item_generator
from vision.datasets.transforms import register_transform
from vision.errors import UsageError

_WHICH = ("all", "key", "references")


@register_transform
class RandomMotionBlur:
    """Blur along a straight path, as of a camera that moves; boxes stay, for the path is centered.

    Args:
        length: shortest and longest path in pixels.
        prob: share of images that are blurred.
    """

    def __init__(self, length: tuple[float, float] = (3.0, 15.0), prob: float = 0.5) -> None:
        self.length = checked_range("length", length, 1.0, 255.0)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 `[H, W, 3]` -> the same."""
        if rng.random() >= self.prob:
            return image
        kernel = path_kernel(rng.uniform(*self.length), rng.uniform(0.0, math.pi))
        return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


@register_transform
class RandomDefocus:
    """Blur by a disc, as of a lens that is out of focus.

    Args:
        radius: least and largest, in pixels.
        prob: share of images that are blurred.
    """

    def __init__(self, radius: tuple[float, float] = (1.0, 5.0), prob: float = 0.5) -> None:
        self.radius = checked_range("radius", radius, 0.5, 64.0)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 `[H, W, 3]` -> the same."""
        if rng.random() >= self.prob:
            return image
        kernel = disc_kernel(rng.uniform(*self.radius))
        return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


@register_transform
class DegradeFrames(BaseTransform):
    """Transforms of one image, each frame drawn for itself: bad key frames beside good references need a memory.

    Stands in a pipeline behind the loading of images. Frames that it touched are `degraded`.

    Args:
        transforms: of `vision.datasets`, callables `(image, rng) -> image` or dicts with their names as `type`, which
            keep the image's size, such as `dict(type="RandomMotionBlur", prob=1.0)`.
        prob: share of frames that go through them.
        frames: which: "all", "key" or "references".
    """

    def __init__(
        self,
        transforms: Sequence[Callable[..., Any] | dict[str, Any]],
        prob: float = 0.5,
        frames: str = "all",
    ) -> None:
        if frames not in _WHICH:
            raise UsageError(f"frames is {frames!r}; expected one of {_WHICH}", code="usage", value=frames)
        self.transforms, self.prob, self.frames = Compose(transforms), checked_prob(prob), frames

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Lists with an entry per frame, uint8 BGR `[H, W, 3]` as `img` -> the same."""
        rng = item_generator(int(results["frame_id"][0]))
        flags = results.get("key_frame_flags", [True] * len(results["img"]))
        images, degraded = list(results["img"]), list(results.get("degraded", [False] * len(flags)))
        for i, is_key in enumerate(flags):
            is_meant = self.frames == "all" or is_key == (self.frames == "key")
            if is_meant and rng.random() < self.prob:
                changed = self.transforms(np.ascontiguousarray(images[i][..., ::-1]), rng)
                images[i], degraded[i] = np.ascontiguousarray(changed[..., ::-1]), True
        return results | {"img": images, "degraded": degraded}

    def __repr__(self) -> str:
        names = [type(transform).__name__ for transform in self.transforms.transforms]
        return f"{type(self).__name__}(transforms={names}, prob={self.prob}, frames={self.frames!r})"


def path_kernel(length: float, angle: float) -> np.ndarray:
    """Weights `[K, K]` of a straight path through the middle; `angle` in radians from the x axis."""
    side = 2 * math.ceil(length / 2) + 1
    kernel = np.zeros((side, side), np.float32)
    center = side // 2
    # A point between pixels counts for its four neighbors, so that no direction is favored.
    for step in np.linspace(-0.5, 0.5, 4 * side):
        x, y = center + step * (length - 1) * math.cos(angle), center + step * (length - 1) * math.sin(angle)
        left, top = int(x), int(y)
        for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
            if column < side and row < side:
                kernel[row, column] += (1 - abs(x - column)) * (1 - abs(y - row))
    return kernel / kernel.sum()


def disc_kernel(radius: float) -> np.ndarray:
    """Weights `[K, K]` of a disc with a soft rim."""
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    return kernel / kernel.sum()
