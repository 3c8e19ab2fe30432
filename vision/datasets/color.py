"""Random changes of an image's colors, which leave its geometry alone."""

from __future__ import annotations

import cv2
import numpy as np

from vision.datasets.checks import checked_prob, checked_range
from vision.datasets.transforms import register_transform

_GRAY = np.array([0.299, 0.587, 0.114])


class ColorRange:
    """How far colors may change.

    Args:
        brightness: largest relative change of the brightness.
        contrast: largest relative change of the contrast, about the mean gray.
        saturation: largest relative change of the saturation.
        hue: largest turn of the hue, as a share of the circle.
        gamma: smallest and largest exponent.
    """

    def __init__(
        self, brightness: float, contrast: float, saturation: float, hue: float, gamma: tuple[float, float]
    ) -> None:
        values = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
        for name, value in values.items():
            checked_range(name, (value, value), 0.0, 1.0)
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        self.gamma = checked_range("gamma", gamma, 0.1, 10.0)

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """A color matrix `[3, 4]` on 0..255 and a gamma, for `recolored`."""
        bright, contrast, saturation = (
            1 + rng.uniform(-value, value) for value in (self.brightness, self.contrast, self.saturation)
        )
        gray = np.tile(_GRAY, (3, 1))
        matrix = bright * contrast * _hue_turn(rng.uniform(-self.hue, self.hue))
        matrix = matrix @ (saturation * np.eye(3) + (1 - saturation) * gray)
        # bright (contrast (x - 127.5) + 127.5), with hue and saturation about the gray axis, which they keep.
        offset = np.full(3, 127.5 * bright * (1 - contrast))
        return np.column_stack([matrix, offset]).astype(np.float32), float(rng.uniform(*self.gamma))


@register_transform
class RandomColor:
    """Change brightness, contrast, saturation, hue and gamma of an image, or make it gray.

    Args:
        brightness, contrast, saturation, hue, gamma: as in `ColorRange`.
        gray: share of images that lose their colors.
        prob: share of images that change.
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.6,
        hue: float = 0.05,
        gamma: tuple[float, float] = (0.7, 1.4),
        gray: float = 0.05,
        prob: float = 0.8,
    ) -> None:
        self.range = ColorRange(brightness, contrast, saturation, hue, gamma)
        self.gray = checked_prob(gray)
        self.prob = checked_prob(prob)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < self.gray:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return recolored(image, *self.range.draw(rng)) if rng.random() < self.prob else image


def recolored(image: np.ndarray, matrix: np.ndarray, gamma: float) -> np.ndarray:
    """A uint8 RGB image `[H, W, 3]` under a color matrix and a gamma of `ColorRange.draw`."""
    changed = cv2.transform(image, matrix)
    table = (255 * (np.arange(256) / 255) ** gamma + 0.5).astype(np.uint8)
    return cv2.LUT(changed, table)


def _hue_turn(share: float) -> np.ndarray:
    """Rotation about the gray axis by a share of the circle, `[3, 3]` (Rodrigues)."""
    angle = 2 * np.pi * share
    axis = np.full(3, 3**-0.5)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))
