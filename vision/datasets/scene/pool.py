"""A fixed set of textures, each made when it is first used, and random materials from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from vision.datasets.scene.material import Material, Texture
from vision.datasets.scene.texture import KINDS, color, make_texture

# Texels over which the borders of a texture are blended.
_SEAM = 24
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


class TexturePool:
    """Textures by number, the same for the same seed, and materials that show them in random colors.

    Args:
        seed: start of the random numbers.
        count: how many textures there are.
        photos: image files or a folder of them; a `photo_share` of the textures is cut from these.
        photo_share: 0..1.
        size: side of a texture in texels.
        glossy: share of materials that mirror something.

    Raises:
        ValueError: a folder without images.
    """

    def __init__(
        self,
        seed: int = 0,
        count: int = 400,
        photos: str | Path | Sequence[str | Path] | None = None,
        photo_share: float = 0.5,
        size: int = 384,
        glossy: float = 0.06,
    ) -> None:
        self.seed = seed
        self.count = count
        self.size = size
        self.glossy = glossy
        self.photos = _list_photos(photos)
        self.photo_share = photo_share if self.photos else 0.0
        self._made: dict[int, Texture] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_made": {}}

    def kind(self, index: int) -> str:
        """What texture number `index` is: "photo" or one of `texture.KINDS`."""
        # The golden ratio spreads the kinds evenly over any run of numbers.
        place = (index * 0.6180339887 + 0.5) % 1.0
        if place < self.photo_share:
            return "photo"
        place = (place - self.photo_share) / (1 - self.photo_share) * sum(share for _, share in KINDS.values())
        for name, (_, share) in KINDS.items():
            place -= share
            if place < 0:
                return name
        return name

    def texture(self, index: int) -> Texture:
        """Texture number `index`."""
        if index not in self._made:
            rng = np.random.default_rng([self.seed, 77, index])
            kind = self.kind(index)
            size = self.size + _SEAM
            image = self._cut(rng, size) if kind == "photo" else make_texture(rng, kind, size)
            self._made[index] = Texture(tileable(image, _SEAM))
        return self._made[index]

    def material(self, rng: np.random.Generator, weak: float = 0.15, kinds: Collection[str] | None = None) -> Material:
        """A texture in random colors, turned and shifted.

        Args:
            rng: random numbers.
            weak: share of materials with next to no contrast.
            kinds: of what kind, if the pool has any such; None for all.
        """
        first = int(rng.integers(self.count))
        wanted = ((first + k) % self.count for k in range(self.count))
        texture = self.texture(next((i for i in wanted if kinds is None or self.kind(i) in kinds), first))
        angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else rng.normal(0, 0.1)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if rng.random() < 0.5:
            turn[:, 0] *= -1
        offset = rng.uniform(-1000, 1000, 2)
        material = Material(texture, _recolor(rng, texture.mean, weak), (float(offset[0]), float(offset[1])), turn)
        # Drawn in any case, so that the scenes are the same with and without gloss.
        mirrors, other, gloss, parallax = rng.random(), rng.integers(self.count), rng.uniform(0.05, 0.35), rng.normal()
        if mirrors < self.glossy:
            material = replace(material, mirror=self.texture(int(other)), gloss=float(gloss), parallax=8 * parallax)
        return material

    def _cut(self, rng: np.random.Generator, size: int) -> np.ndarray:
        path = self.photos[int(rng.integers(len(self.photos)))]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"{path} is not an image that OpenCV reads; take it out of `textures`")
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        # The sharpest of a few crops: much of a photograph is sky or blur.
        crops = [_crop(rng, image, size) for _ in range(3)]
        return max(crops, key=lambda crop: float(cv2.Laplacian(crop, cv2.CV_32F).std()))


def tileable(image: np.ndarray, seam: int) -> np.ndarray:
    """Make an image fit to itself: `seam` pixels shorter on each side, with what is cut off blended in."""
    share = ((np.arange(seam, dtype=np.float32) + 0.5) / seam)[:, None, None]
    for _ in range(2):
        body = image[:-seam].astype(np.float32)
        body[:seam] = share * body[:seam] + (1 - share) * image[-seam:]
        image = body.transpose(1, 0, 2)
    return np.ascontiguousarray(image.astype(np.uint8))


def _crop(rng: np.random.Generator, image: np.ndarray, size: int) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(int(size * rng.uniform(1.0, 2.5)), height, width)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = image[top : top + side, left : left + side]
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)


def _recolor(rng: np.random.Generator, mean: np.ndarray, weak: float) -> np.ndarray:
    """Contrast, saturation, hue and mean color as one matrix, float32 `[3, 4]`."""
    contrast = rng.uniform(0.04, 0.25) if rng.random() < weak else rng.uniform(0.6, 1.6)
    saturation = rng.uniform(0.0, 1.4)
    matrix = np.full((3, 4), contrast * (1 - saturation) / 3, np.float32)
    order = rng.permutation(3) if rng.random() < 0.5 else (0, 1, 2)
    matrix[(0, 1, 2), order] += contrast * saturation
    target = mean + rng.normal(0, 20) + rng.normal(0, 6, 3) if rng.random() < 0.5 else color(rng)
    matrix[:, 3] = np.minimum(np.maximum(target, 8), 245) - matrix[:, :3] @ mean
    return matrix


def _list_photos(photos: str | Path | Sequence[str | Path] | None) -> list[Path]:
    if photos is None:
        return []
    if not isinstance(photos, (str, Path)):
        return [Path(photo) for photo in photos]
    folder = Path(photos)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise ValueError(f"textures is {str(photos)!r}: no images there; give a folder of JPEG or PNG files")
    return found
