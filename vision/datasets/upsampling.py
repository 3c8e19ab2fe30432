"""What the last layers of generators do: make a picture from a smaller one by filters that were not made for it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from vision.datasets.checks import checked_prob
from vision.datasets.transforms import register_transform

_KINDS = ("zeros", "nearest", "linear")


@register_transform
class RandomUpsampler:
    """Reduce a photograph and enlarge it again as a generator would: its pixels are no camera's any more.

    Between the pixels of the small picture stand zeros, copies, or means; small filters, drawn at random anew each
    time, make a picture of that. What they cannot give back of the original's detail is added as texture of the same
    strength that went the same way. Generators leave such traces whatever they were trained on (arXiv 2312.10461).

    Args:
        factors: of which one is drawn; 8 is the grid of latent diffusion.
        texture: share of the lost detail that is replaced, up to this.
        prob: share of pictures that are made so.
    """

    def __init__(self, factors: tuple[int, ...] = (2, 2, 2, 4, 8), texture: float = 0.7, prob: float = 1.0) -> None:
        if not factors or any(factor < 2 or factor & (factor - 1) for factor in factors):
            raise ValueError(f"factors is {factors}; expected powers of two from 2 on")
        self.factors, self.texture, self.prob = tuple(factors), checked_prob(texture), checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        factor = int(self.factors[rng.integers(len(self.factors))])
        height, width = (side // factor * factor for side in image.shape[:2])
        if not height or not width:
            return image
        image = image[:height, :width]
        whole = image.astype(np.float32)
        small = cv2.resize(whole, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
        made = small
        step = factor
        while step > 1:  # every doubling is a layer of its own
            made = enlarge(made, rng, _KINDS[rng.integers(len(_KINDS))])
            step //= 2
        lost = np.abs(whole - made)
        noise = np.empty(small.shape if factor == 2 else (height // 2, width // 2, 3), np.float32)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, np.zeros(1), np.ones(1))
        texture = enlarge(noise, rng, _KINDS[rng.integers(len(_KINDS))])
        strength = np.float32(rng.uniform(0, self.texture))
        made = made + strength * cv2.GaussianBlur(lost, (0, 0), 2.0) * texture
        return np.clip(np.rint(made), 0, 255).astype(np.uint8)


def enlarge(image: np.ndarray, rng: np.random.Generator, kind: str) -> np.ndarray:
    """Double both sides of float32 `[H, W, 3]`, filling in by `kind` and a random filter 4x4 or 3x3 near the mean."""
    height, width = image.shape[:2]
    if kind == "zeros":
        wide = np.zeros((2 * height, 2 * width, 3), np.float32)
        wide[::2, ::2] = 4 * image
        base = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32)
    else:
        how = cv2.INTER_NEAREST if kind == "nearest" else cv2.INTER_LINEAR
        wide = cv2.resize(image, (2 * width, 2 * height), interpolation=how)
        base = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32)
    base /= base.sum()
    # A little off the even filter, so that the four phases of a pixel differ: the well-known checkerboard.
    off = math.exp(rng.uniform(math.log(0.01), math.log(0.12)))
    filter_ = base * (1 + rng.normal(0, off, base.shape).astype(np.float32))
    filter_ /= filter_.sum()
    return cv2.filter2D(wide, cv2.CV_32F, filter_, borderType=cv2.BORDER_REFLECT_101)
