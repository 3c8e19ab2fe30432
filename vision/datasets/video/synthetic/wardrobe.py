"""What a person wears: colors and textures of skin, hair, clothes, shoes and bag."""

from __future__ import annotations

import cv2
import numpy as np

from vision.datasets.scene.pool import TexturePool
from vision.datasets.scene.texture import color

_CLOTH = {"plain", "grain", "stripes", "wallpaper", "blotches", "clouds"}
# From light to dark, sRGB.
_SKIN = np.array([[244, 208, 177], [231, 180, 143], [198, 134, 94], [141, 85, 54], [88, 56, 40]], float)
_HAIR = np.array([[28, 22, 20], [52, 36, 26], [90, 60, 36], [170, 130, 76], [150, 148, 146], [40, 40, 44]], float)
_SOBER = np.array([[30, 32, 40], [48, 58, 84], [70, 70, 72], [96, 86, 72], [24, 24, 24], [120, 116, 108]], float)


class Wardrobe:
    """The clothes of one person.

    Args:
        rng: random numbers.
        pool: where patterns come from.
        detail: texels from head to foot.
    """

    def __init__(self, rng: np.random.Generator, pool: TexturePool, detail: int) -> None:
        side = int(0.7 * detail) + 8
        skin = _between(rng, _SKIN)
        hair = _HAIR[rng.integers(len(_HAIR))] * rng.uniform(0.7, 1.3)
        bottom = _SOBER[rng.integers(len(_SOBER))] * rng.uniform(0.6, 1.6) if rng.random() < 0.7 else color(rng)
        top = color(rng) if rng.random() < 0.75 else _SOBER[rng.integers(len(_SOBER))] * rng.uniform(0.7, 1.8)
        self.tiles = {
            "skin": _plain(rng, side, skin, 4),
            "hair": _plain(rng, side, hair, 9),
            "shoes": _plain(rng, side, color(rng) if rng.random() < 0.3 else np.full(3, rng.uniform(10, 60)), 6),
            "bag": _plain(rng, side, color(rng), 8),
            "top": _cloth(rng, pool, side, top, 0.6),
            "bottom": _cloth(rng, pool, side, bottom, 0.25),
        }
        kind = rng.random()
        self.thigh = self.shank = "bottom"
        self.skirt, self.hem = "bottom", 0.0
        if kind < 0.12:
            self.shank = "skin"
        elif kind < 0.27:
            self.hem = float(rng.uniform(0.5, 1.0))
            self.thigh = self.shank = "skin" if rng.random() < 0.6 else "bottom"
        elif kind < 0.5:
            self.skirt, self.hem = "top", float(rng.uniform(0.25, 0.9))
        self.forearm = "skin" if rng.random() < 0.35 else "top"
        self.loose = float(rng.uniform(0.9, 1.35))
        self.long_hair = rng.random() < 0.3
        self.bag = str(rng.choice(["", "backpack", "bag"], p=[0.65, 0.17, 0.18]))


def _between(rng: np.random.Generator, colors: np.ndarray) -> np.ndarray:
    """A color between two neighbors of a scale."""
    place = rng.uniform(0, len(colors) - 1)
    low = int(place)
    return colors[low] + (colors[low + 1] - colors[low]) * (place - low)


def _plain(rng: np.random.Generator, side: int, shade: np.ndarray, grain: float) -> np.ndarray:
    """Hardly any pattern, uint8 `[side, side, 3]`."""
    coarse = rng.normal(0, grain, (max(side // 6, 2), max(side // 6, 2), 1)).astype(np.float32)
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(shade.astype(np.float32) + field, 0, 255).astype(np.uint8)


def _cloth(rng: np.random.Generator, pool: TexturePool, side: int, shade: np.ndarray, patterned: float) -> np.ndarray:
    """Cloth of a color, with folds and perhaps a pattern."""
    tile = _plain(rng, side, shade, rng.uniform(4, 16)).astype(np.float32)
    if rng.random() < patterned:
        image = pool.material(rng, 0.0, _CLOTH).texture.levels[0]
        scale = rng.uniform(0.4, 1.3) * side / image.shape[0]
        matrix = np.array([[scale, 0, 0], [0, scale, 0]])
        pattern = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_WRAP)
        share = rng.uniform(0.2, 0.8)
        tile += np.float32(share) * (pattern.astype(np.float32) - pattern.mean((0, 1), dtype=np.float32))
    return np.clip(tile, 0, 255).astype(np.uint8)
