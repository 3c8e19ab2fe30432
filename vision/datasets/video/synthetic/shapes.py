"""Objects whose class is their outline and their pattern: alike once blurred, told apart in a sharp frame.

Color says nothing of the class, but it says which object of a clip it is: what a blurred frame leaves open, a sharp
frame of the same clip answers.
"""

from __future__ import annotations

import colorsys
import math

import cv2
import numpy as np

from vision.datasets.scene.outline import Shape
from vision.datasets.scene.planar import coverage
from vision.datasets.scene.texture import noise
from vision.datasets.video.synthetic.sprite import Sprite, premultiplied

SHAPES = ("striped disk", "dotted disk", "striped square", "dotted square", "striped star", "dotted star")
_SIDE = 96


def paint_shape(rng: np.random.Generator, name: str, hue: float) -> Sprite:
    """A sprite of one of the `SHAPES` in shades of a hue 0..1; its size is its side or diameter."""
    pattern, outline = name.split()
    half = _SIDE / 2
    contour = _OUTLINES[outline]() * (half - 1) + half
    alpha = coverage([[contour]], (0, 0, _SIDE, _SIDE))
    ink = _PATTERNS[pattern](rng)
    light, dark = _shades(rng, hue)
    color = dark + ink[..., None] * (light - dark)
    # Rounded by light from above, worn by use.
    y, x = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * math.pi)
    shade = 1 + np.float32(rng.uniform(0.05, 0.25)) * (
        np.float32(math.cos(angle)) * x + np.float32(math.sin(angle)) * y
    )
    shade += np.float32(0.05) * noise(rng, _SIDE, 1.2)
    return Sprite(premultiplied(color * shade[..., None], alpha), (half - 0.5, half - 0.5), _SIDE)


def _shades(rng: np.random.Generator, hue: float) -> tuple[np.ndarray, np.ndarray]:
    """A light and a dark shade of a hue."""
    saturation, value = rng.uniform(0.55, 0.95), rng.uniform(0.75, 1.0)
    light = np.array(colorsys.hsv_to_rgb(hue, saturation * 0.8, value), np.float32) * 255
    dark = np.array(colorsys.hsv_to_rgb(hue, saturation, value * rng.uniform(0.25, 0.5)), np.float32) * 255
    return light, dark


def _disk() -> np.ndarray:
    angle = np.arange(48) * (2 * math.pi / 48)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _square() -> np.ndarray:
    # As large as the disk in area, so that size tells nothing.
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]]) * 0.886


def _star() -> np.ndarray:
    angle = np.arange(12) * (math.pi / 6)
    radius = np.where(np.arange(12) % 2, 0.66, 1.0)
    return np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]


def _stripes(rng: np.random.Generator) -> np.ndarray:
    """Half dark, half light, in bands."""
    count = rng.uniform(3.0, 4.5)
    x = np.arange(_SIDE, dtype=np.float32)[None] / _SIDE
    wave = np.sin(2 * math.pi * (count * x + rng.random()))
    return np.repeat(_step(wave), _SIDE, axis=0)


def _dots(rng: np.random.Generator) -> np.ndarray:
    """Half dark, half light, in round dots on a grid."""
    count = rng.uniform(3.0, 4.5)
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32) / _SIDE
    first, second = rng.random(2)
    wave = np.sin(2 * math.pi * (count * x + first)) * np.sin(2 * math.pi * (count * y + second))
    return _step(np.abs(wave) - 0.3)


def _step(field: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 4 * field, 0, 1).astype(np.float32)


_OUTLINES = {"disk": _disk, "square": _square, "star": _star}
_PATTERNS = {"striped": _stripes, "dotted": _dots}


def clutter(rng: np.random.Generator, shape: Shape, texture: np.ndarray, anchor_low: bool, soft: float = 0.0) -> Sprite:
    """Something of no class.

    Args:
        rng: random numbers.
        shape: its outline.
        texture: uint8 `[h, w, 3]`, which fills it.
        anchor_low: it stands on the ground; else its middle is its anchor.
        soft: deviation of the blur of its edges, of 160 texels.
    """
    side = 160
    half = side / 2
    margin = 1 + 3 * soft
    parts = [[contour * (half - margin) + half for contour in part] for part in shape]
    alpha = coverage(parts, (0, 0, side, side))
    color = cv2.resize(texture, (side, side)).astype(np.float32) * np.float32(rng.uniform(0.5, 1.1))
    if soft:
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), soft), np.float32)
        color = np.asarray(cv2.GaussianBlur(color, (0, 0), soft), np.float32)
    place = (half - 0.5, side - 1.0 if anchor_low else half - 0.5)
    return Sprite(premultiplied(color, alpha), place, side)
