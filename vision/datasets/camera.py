"""What cameras and their programs do to a picture: sampling through a color filter, noise, denoising, sharpening."""

from __future__ import annotations

import math

import cv2
import numpy as np

from vision.datasets.checks import checked_prob, checked_range
from vision.datasets.transforms import register_transform

# One of four places where a sensor's pattern may begin, by two ways to fill it in.
_DEMOSAIC = (
    (cv2.COLOR_BayerRG2RGB, cv2.COLOR_BayerRG2RGB_EA),
    (cv2.COLOR_BayerGR2RGB, cv2.COLOR_BayerGR2RGB_EA),
    (cv2.COLOR_BayerBG2RGB, cv2.COLOR_BayerBG2RGB_EA),
    (cv2.COLOR_BayerGB2RGB, cv2.COLOR_BayerGB2RGB_EA),
)
# The channel of each of the 2x2 sites, rows first, for the patterns above; OpenCV names them by their second row.
_SITES = (((2, 1), (1, 0)), ((1, 2), (0, 1)), ((0, 1), (1, 2)), ((1, 0), (2, 1)))


@register_transform
class RandomCamera:
    """Take the picture once more: reduce it, add a sensor's noise, keep one color per pixel, and develop that.

    Reducing first makes a new scene, as sharp as its pixels, from which a sensor has yet to sample.

    Args:
        factor: range of the reduction of both sides, up to 1.
        read_noise, shot_noise: largest deviation in gray levels in black, and at white.
        denoise, sharpen: share of pictures that are denoised, and sharpened, in development.
        prob: share of pictures that are taken again.
    """

    def __init__(
        self,
        factor: tuple[float, float] = (0.5, 1.0),
        read_noise: float = 4.0,
        shot_noise: float = 10.0,
        denoise: float = 0.5,
        sharpen: float = 0.5,
        prob: float = 0.3,
    ) -> None:
        self.factor = checked_range("factor", factor, 0.1, 1.0)
        self.read_noise = checked_range("read_noise", (0.0, read_noise), 0.0, 100.0)[1]
        self.shot_noise = checked_range("shot_noise", (0.0, shot_noise), 0.0, 100.0)[1]
        self.denoise, self.sharpen, self.prob = (checked_prob(value) for value in (denoise, sharpen, prob))

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.prob:
            return image
        image = _reduced(image, float(rng.uniform(*self.factor)))
        light = image.astype(np.float32)
        read, shot = rng.uniform(0, self.read_noise), rng.uniform(0, self.shot_noise)
        noise = np.empty(image.shape, np.float32)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, np.zeros(1), np.ones(1))
        noisy = light + noise * np.sqrt(read**2 + shot**2 * light / 255)
        image = demosaic(mosaic(_levels(noisy), pattern := int(rng.integers(4))), pattern, rng.random() < 0.5)
        if rng.random() < self.denoise:
            image = _denoised(image, rng)
        if rng.random() < self.sharpen:
            image = sharpen(image, float(rng.uniform(0.5, 1.5)), float(rng.uniform(0.2, 1.2)))
        return image


def mosaic(image: np.ndarray, pattern: int) -> np.ndarray:
    """What a sensor behind color filters sees of an image uint8 RGB `[H, W, 3]`: one channel per pixel, `[H, W]`."""
    raw = np.empty(image.shape[:2], np.uint8)
    for row in range(2):
        for column in range(2):
            raw[row::2, column::2] = image[row::2, column::2, _SITES[pattern][row][column]]
    return raw


def demosaic(raw: np.ndarray, pattern: int, edge_aware: bool = False) -> np.ndarray:
    """Fill in the colors of a mosaic `[H, W]` -> uint8 RGB `[H, W, 3]`."""
    return cv2.cvtColor(raw, _DEMOSAIC[pattern][int(edge_aware)])


def sharpen(image: np.ndarray, sigma: float, amount: float) -> np.ndarray:
    """Unsharp masking: add `amount` times what a Gaussian blur of `sigma` pixels takes away."""
    return cv2.addWeighted(image, 1 + amount, cv2.GaussianBlur(image, (0, 0), sigma), -amount, 0)


def _denoised(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As phones and cameras do: edges are kept, colors smoothed more than brightness."""
    kind = int(rng.integers(3))
    if kind == 0:
        return cv2.bilateralFilter(image, 5, float(rng.uniform(10, 40)), 2.0)
    if kind == 1:
        return cv2.medianBlur(image, 3)
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    planes[..., 1:] = cv2.GaussianBlur(planes[..., 1:], (0, 0), float(rng.uniform(1, 3)))
    return cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB)


def _reduced(image: np.ndarray, factor: float) -> np.ndarray:
    height, width = (max(2, math.floor(side * factor)) for side in image.shape[:2])
    return (
        image
        if (height, width) == image.shape[:2]
        else cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    )


def _levels(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
