"""Backgrounds of clips: procedural streets, rooms, squares and walls, or photographs that the user gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from vision.datasets.scene import outline
from vision.datasets.scene.camera import Rig
from vision.datasets.scene.confetti import confetti, far_plane
from vision.datasets.scene.indoor import indoor, standing_object
from vision.datasets.scene.lighting import Lighting
from vision.datasets.scene.planar import Patch
from vision.datasets.scene.pool import TexturePool
from vision.datasets.scene.street import street
from vision.datasets.scene.view import View
from vision.datasets.scene.workshop import Surface, Workshop, rotation
from vision.datasets.video.synthetic.motion import Ground
from vision.errors import UsageError
from vision.images import read_image

MARGIN = 1.35
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
OUTDOORS = ("street", "square")
_PERSON = 1.7


class Scenery(NamedTuple):
    """A background uint8 `[h, w, 3]` and, where people can stand on it, its ground."""

    image: np.ndarray
    ground: Ground


class Backgrounds:
    """Makes backgrounds.

    Args:
        pool: textures of what is rendered.
        photos: photographs to take instead, a part of the time.
        photo_share: what part of the time.
    """

    def __init__(self, pool: TexturePool, photos: Sequence[Path] = (), photo_share: float = 0.7) -> None:
        self.pool = pool
        self.photos = list(photos)
        self.photo_share = photo_share if self.photos else 0.0

    def make(self, rng: np.random.Generator, size: tuple[int, int], people: bool) -> Scenery:
        """A background for frames of a size: larger by `MARGIN`, so that a camera can move over it."""
        field = (int(size[0] * MARGIN), int(size[1] * MARGIN))
        if rng.random() < self.photo_share:
            return Scenery(self._photo(rng, field), _any_ground(rng, field))
        if not people:
            kind = str(rng.choice(["confetti", "indoor", "wall"], p=[0.3, 0.3, 0.4]))
        else:
            kind = str(rng.choice([*OUTDOORS, "indoor"], p=[0.5, 0.4, 0.1]))
        return self._render(rng, field, kind)

    def _photo(self, rng: np.random.Generator, field: tuple[int, int]) -> np.ndarray:
        image = read_image(self.photos[int(rng.integers(len(self.photos)))])
        height, width = image.shape[:2]
        fit = min(height / field[0], width / field[1])
        part = fit * rng.uniform(0.6, 1.0)
        tall, wide = max(1, int(field[0] * part)), max(1, int(field[1] * part))
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        crop = image[top : top + tall, left : left + wide]
        if rng.random() < 0.5:
            crop = np.ascontiguousarray(crop[:, ::-1])
        return cv2.resize(crop, field[::-1], interpolation=cv2.INTER_AREA if part > 1 else cv2.INTER_LINEAR)

    def _render(self, rng: np.random.Generator, field: tuple[int, int], kind: str) -> Scenery:
        height, width = field
        focal = width * rng.uniform(0.8, 1.6)
        horizon = height * rng.uniform(0.2, 0.5)
        if kind == "square":
            horizon = height * rng.uniform(-1.3, 0.3)
        rig = Rig(field, focal, (width / 2, horizon), 4.0 * width)
        shop = Workshop(rng, rig, self.pool, people=False)
        near, far = 0.15 * width, 0.002 * width
        ground = _any_ground(rng, field)
        surfaces: list[Surface]
        if kind == "street":
            surfaces = street(shop, near, far)
            # The scene's camera hangs 1.65 m above the road.
            ground = Ground(horizon, _PERSON / 1.65 * rng.uniform(0.9, 1.1), focal)
        elif kind == "square":
            eye = math.exp(rng.uniform(math.log(1.4), math.log(6.0)))
            ground = Ground(horizon, _PERSON / eye, focal)
            surfaces = _square(shop, near, eye)
        elif kind == "indoor":
            surfaces = indoor(shop, near, near * 0.3)
        elif kind == "confetti":
            surfaces = confetti(shop, near, near * 0.2)
        else:
            surfaces = [
                Patch(
                    rig.point(width / 2, height / 2, near),
                    shop.frame(0.3, 0.4)[:2],
                    None,
                    shop.material(),
                    shop.texels(near),
                )
            ]
            surfaces.append(far_plane(shop, far))
        surfaces.sort(key=lambda surface: -surface.distance)
        view = View(rig, 0.0)
        view.compose([surface.trace(view) for surface in surfaces])
        Lighting(rng, sky=1.02 * far if kind == "street" else 0.0).apply(view)
        color = view.color
        if kind in OUTDOORS:
            color = muted(rng, color)
        return Scenery(_developed(rng, color), ground)


def muted(rng: np.random.Generator, color: np.ndarray) -> np.ndarray:
    """Colors `[H, W, 3]` nearer to gray, as of pavements, walls and plants: textures come in any color there is."""
    keep = np.float32(rng.uniform(0.1, 0.6))
    gray = color.mean(2, dtype=np.float32, keepdims=True)
    return (gray + keep * (color - gray)).astype(color.dtype)


def list_photos(folder: str | Path) -> list[Path]:
    """The photographs in a folder and below.

    Raises:
        UsageError: there are none.
    """
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _SUFFIXES)
    # Masks of cutouts may lie beside their photographs.
    found = [path for path in found if not path.name.endswith("_mask.png")]
    if not found:
        raise UsageError(
            f"backgrounds is {str(folder)!r}: no photographs there; give a folder of JPEG, PNG or WebP files",
            code="bad-data-root",
            value=str(folder),
        )
    return found


def _any_ground(rng: np.random.Generator, field: tuple[int, int]) -> Ground:
    """A ground for a background of which nothing is known."""
    height, width = field
    horizon = height * rng.uniform(-0.6, 0.45)
    tallest = height * math.exp(rng.uniform(math.log(0.2), math.log(1.1)))
    return Ground(horizon, tallest / (height - horizon), width * rng.uniform(0.8, 1.6))


def _square(shop: Workshop, near: float, eye: float) -> list[Surface]:
    """A paved square, seen from a height of `eye` meters, with patches, things and a wall where it ends."""
    rng, rig = shop.rng, shop.rig
    height = rig.size[0]
    horizon = rig.center[1]
    drop = (height - horizon) / near  # baselines from the camera down to the ground
    meter = drop / eye
    right, away, down = np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    surfaces: list[Surface] = [far_plane(shop, near * 0.01)]
    turned = rotation(0, 0, rng.uniform(-3, 3))[:2, :2] @ np.stack([right, away])
    nearest = rig.focal / near
    surfaces.append(
        Patch(np.array([0, drop, nearest]), turned, None, shop.lit(shop.material(0.3), down), shop.texels(near * 0.6))
    )
    for n in range(int(rng.integers(0, 7))):
        depth = nearest * math.exp(rng.uniform(0, 1.8))
        origin = np.array([rng.normal(0, 0.5) * depth * rig.size[1] / rig.focal, drop, depth])
        half = rng.uniform(0.3, 4, 2) * meter
        shape = (
            [[outline.box(-half[0], -half[1], half[0], half[1])]]
            if rng.random() < 0.6
            else [[contour * half for contour in outline.blob(rng)[0]]]
        )
        material = shop.lit(shop.material(0.4), down)
        surfaces.append(
            Patch(origin, turned, shape, material, shop.texels(near * 0.6), bias=0.01 * near, order=1e9 - n)
        )
    wall = nearest * math.exp(rng.uniform(0.7, 2.3))
    if rig.project(np.array([[0, drop, wall]]))[0, 1] > 0:
        frame = rotation(float(rng.normal(0, 0.25)), 0)
        tall = rng.uniform(2, 14) * meter
        shape = [[outline.box(-500 * meter, -tall, 500 * meter, 0)]]
        material = shop.lit(shop.material(0.1), frame[2])
        surfaces.append(Patch(np.array([0, drop, wall]), frame[:2], shape, material, shop.texels(rig.focal / wall)))
    for _ in range(int(rng.integers(0, 9))):
        depth = nearest * math.exp(rng.uniform(-0.1, 1.8))
        x = rng.uniform(-0.1, 1.1) * rig.size[1]
        disparity = rig.focal / depth
        y = horizon + drop * disparity
        pixels = disparity * meter
        surfaces += standing_object(shop, (x, y, disparity), pixels * rng.uniform(0.2, 1.0), rotation(0, 0))
    return surfaces


def _developed(rng: np.random.Generator, color: np.ndarray) -> np.ndarray:
    """Brightness and contrast as photographs have them."""
    mean, spread = float(color.mean()), float(color.std())
    gain = float(np.clip(rng.uniform(38, 68) / max(spread, 1), 0.5, 2.0))
    color = cv2.addWeighted(color, gain, color, 0, rng.uniform(85, 140) - gain * mean)
    return cv2.convertScaleAbs(np.clip(color, 0, 255))
