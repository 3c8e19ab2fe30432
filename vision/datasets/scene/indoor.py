"""Layout: things on a table or floor before a wall, as in the Middlebury sets."""

from __future__ import annotations

import math

import numpy as np

from vision.datasets.scene import outline
from vision.datasets.scene.confetti import far_plane
from vision.datasets.scene.planar import Patch
from vision.datasets.scene.workshop import PROFILES, Surface, Workshop, rotation


def indoor(shop: Workshop, near: float, far: float) -> list[Surface]:
    """Surfaces of a scene.

    Args:
        shop: maker of objects.
        near: disparity of the floor at the lower edge of the image.
        far: disparity at the foot of the wall.
    """
    rng, rig = shop.rng, shop.rig
    height, width = rig.size
    foot = height * rng.uniform(0.25, 0.85)
    floor = _Floor(shop, foot, near, far)
    surfaces: list[Surface] = [far_plane(shop, far * 0.3), floor.patch()]
    surfaces += _walls(shop, floor, foot)
    for _ in range(int(math.exp(rng.uniform(math.log(4), math.log(40))))):
        x, y = rng.uniform(-0.05, 1.05) * width, foot + (height * 1.15 - foot) * rng.uniform(0.05, 1) ** 0.8
        disparity = floor.disparity(x, y)
        if disparity > rig.max_disparity * 0.95 or disparity <= 0:
            continue
        size = height * math.exp(rng.uniform(math.log(0.05), math.log(0.3))) * min(1.5, disparity / near * 1.4)
        surfaces += standing_object(shop, (x, y, disparity), size, floor.upright())
    if rng.random() < 0.35:
        surfaces += [_drape(shop, near, far) for _ in range(int(rng.integers(1, 5)))]
    return surfaces


class _Floor:
    """A plane given by its disparity at the lower edge and at the foot of the wall."""

    def __init__(self, shop: Workshop, foot: float, near: float, far: float) -> None:
        self.shop = shop
        height, width = shop.rig.size
        slope_y = (near - far) / (height - foot)
        slope_x = shop.rng.normal(0, 0.04) * near / width
        self.plane = (float(slope_x), float(slope_y), float(far - slope_y * foot - slope_x * width / 2))
        # The normal of d = a x + b y + c in space, from K^-T (a, b, c); y down, so that it points into the floor.
        a, b, c = self.plane
        cx, cy = shop.rig.center
        normal = np.array([a * shop.rig.focal, b * shop.rig.focal, c + a * cx + b * cy])
        self.down = normal / np.linalg.norm(normal)
        right = np.cross(self.down, [0, 0, 1.0])
        self.right = right / np.linalg.norm(right)
        self.away = np.cross(self.right, self.down)

    def disparity(self, x: float, y: float) -> float:
        return self.plane[0] * x + self.plane[1] * y + self.plane[2]

    def patch(self) -> Patch:
        rig = self.shop.rig
        x, y = rig.size[1] / 2, rig.size[0] * 0.9
        material = self.shop.lit(self.shop.material(), self.down)
        axes = np.stack([self.right, self.away])
        turned = rotation(0, 0, self.shop.rng.uniform(-3, 3))[:2, :2] @ axes
        d = self.disparity(x, y)
        return Patch(rig.point(x, y, d), turned, None, material, self.shop.texels(d))

    def upright(self, turn: float | None = None) -> np.ndarray:
        """Axes (right, down, away) of something that stands on the floor, turned about its height."""
        turn = float(self.shop.rng.normal(0, 0.6)) if turn is None else turn
        # A camera that looks steeply down would see only the tops of things.
        pitch = min(math.atan2(self.down[2], self.down[1]), 0.9)
        lean = math.atan2(-self.down[0], self.down[1])
        return rotation(turn, 0) @ rotation(0, pitch, lean)


def _walls(shop: Workshop, floor: _Floor, foot: float) -> list[Surface]:
    """A back wall with things on it, and sometimes a side wall."""
    rng, rig = shop.rng, shop.rig
    width = rig.size[1]
    surfaces: list[Surface] = []
    turns = [float(rng.normal(0, 0.25))]
    if rng.random() < 0.35:
        turns.append(float(rng.choice([-1, 1]) * rng.uniform(0.6, 1.3)))
    for turn in turns:
        x = width / 2 if turn == turns[0] else (width * 0.85 if turn < 0 else width * 0.15)
        y = foot if turn == turns[0] else foot + 10
        d = floor.disparity(x, y)
        frame = rotation(turn, float(rng.normal(0, 0.08)), float(rng.normal(0, 0.03)))
        origin = rig.point(x, y, d)
        if turn == turns[0] and rng.random() < 0.25:
            slope = math.tan(turn) * d / rig.focal
            base = (slope, 0.0, d - slope * x)
            surfaces.append(shop.sheet(base, d * math.exp(rng.uniform(math.log(0.01), math.log(0.1)))))
            continue
        wall = Patch(origin, frame[:2], None, shop.lit(shop.material(0.4), frame[2]), shop.texels(d))
        surfaces.append(wall)
        surfaces += _hangings(shop, origin, frame, d, foot)
    return surfaces


def _hangings(shop: Workshop, origin: np.ndarray, frame: np.ndarray, d: float, foot: float) -> list[Surface]:
    """Posters, doors and shelves on a wall through `origin`."""
    rng, width = shop.rng, shop.rig.size[1]
    surfaces: list[Surface] = []
    for _ in range(int(rng.integers(0, 6))):
        right, up = rng.uniform(-0.6, 0.6) * width / d, rng.uniform(0.1, 1.0) * foot / d
        middle = origin + right * frame[0] - up * frame[1]
        half = rng.uniform(0.03, 0.25, 2) * width / d
        if rng.random() < 0.7:
            shape = [[outline.box(-half[0], -half[1], half[0], half[1])]]
            material = shop.lit(shop.material(0.15), frame[2])
            surfaces.append(Patch(middle, frame[:2], shape, material, shop.texels(d), bias=0.02, order=1e8))
        else:
            place = shop.rig.focal / max(middle[2], 1e-3)
            pixel = shop.rig.project(middle[None])[0]
            size = (half[0] * d, half[1] * d * 0.5, 0.05 * width * rng.uniform(0.2, 1))
            surfaces += shop.prism((float(pixel[0]), float(pixel[1]), float(place)), size, frame)
    return surfaces


def standing_object(
    shop: Workshop, place: tuple[float, float, float], size: float, frame: np.ndarray, thin: float = 0.25
) -> list[Surface]:
    """One object that stands at a pixel, of half size `size`.

    Args:
        shop: maker of objects.
        place: pixel (x, y) and disparity of its foot.
        size: half its size in pixels.
        frame: its axes (right, down, away).
        thin: share of fences, plants, poles and the like.
    """
    rng = shop.rng
    aspect = math.exp(rng.normal(0, 0.35))
    half = (size * aspect, size / aspect)
    if rng.random() < thin:
        kind = rng.random()
        if kind < 0.25:
            rod = rotation(0, 0, float(rng.normal(0, 0.15))) @ frame
            wide = math.exp(rng.uniform(math.log(0.6), math.log(4)))
            return [shop.patch(place, (wide, size * rng.uniform(1, 3)), outline.rectangle(), rod, up=1)]
        shape = outline.THIN[rng.integers(len(outline.THIN))](rng)
        return [shop.patch(place, (half[0] * 1.3, half[1] * 1.3), shape, frame, up=1)]
    kind = rng.random()
    if kind < 0.28:
        return list(shop.prism(place, (*half, size * rng.uniform(0.2, 1.2)), frame, up=1))
    if kind < 0.58:
        name = list(PROFILES)[rng.integers(len(PROFILES))]
        lean = frame if rng.random() < 0.8 else shop.frame(0.5, 1.5)
        thick = half[0] * rng.uniform(0.6, 1.0)
        return [shop.quadric(name, place, (thick, half[1], thick), lean, up=1)]
    if kind < 0.88:
        shape = outline.person(rng) if rng.random() < 0.15 and shop.people else outline.blob(rng)
        surfaces: list[Surface] = [shop.cushion(place, half, shape, up=0.9)]
        if rng.random() < 0.6:
            top = (place[0] + float(rng.normal(0, 0.2)) * half[0], place[1] - 1.8 * half[1], place[2] * 1.005)
            surfaces.append(shop.cushion(top, (half[0] * 0.6, half[0] * 0.6), outline.blob(rng), up=0.7))
        return surfaces
    shape = outline.SOLID[rng.integers(len(outline.SOLID))](rng)
    return [shop.patch(place, half, shape, frame, up=1)]


def _drape(shop: Workshop, near: float, far: float) -> Surface:
    """A cloth or a large cushion, mostly low in the image and near."""
    rng, (height, width) = shop.rng, shop.rig.size
    share = rng.beta(2, 1)
    disparity = min(far * (near / far) ** share * rng.uniform(0.95, 1.15), 0.95 * shop.rig.max_disparity)
    half = (width * rng.uniform(0.15, 0.6), height * rng.uniform(0.15, 0.6))
    place = (float(rng.uniform(0, width)), float(height * (0.4 + 0.6 * share + rng.normal(0, 0.15))), disparity)
    if rng.random() < 0.3:
        return shop.cushion(place, half, outline.blob(rng, roughness=0.4))
    shape = [[contour * half + place[:2] for contour in outline.blob(rng, 120, rng.uniform(0.1, 0.6))[0]]]
    slope = rng.normal(0, 0.25, 2) * disparity / shop.rig.focal
    plane = (float(slope[0]), float(slope[1]), float(disparity - slope[0] * place[0] - slope[1] * place[1]))
    return shop.sheet(plane, disparity * math.exp(rng.uniform(math.log(0.02), math.log(0.15))), shape)
