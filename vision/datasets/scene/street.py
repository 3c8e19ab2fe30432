"""Layout: a road with houses, trees, cars, poles and people, and sky above, as in the KITTI sets."""

from __future__ import annotations

import math

import numpy as np

from vision.datasets.scene import outline
from vision.datasets.scene.confetti import far_plane
from vision.datasets.scene.indoor import standing_object
from vision.datasets.scene.material import Material
from vision.datasets.scene.planar import Patch
from vision.datasets.scene.workshop import Surface, Workshop, rotation

_FOLIAGE = {"leaves", "blades", "cells", "photo"}
_PAVING = {"grain", "plain", "clouds", "blades", "cells", "bricks", "photo"}
_DOWN = np.array([0, 1.0, 0])
# Side view of a car in -1..1, bonnet to the left.
_CAR = np.array(
    [
        [-1, 0.75],
        [-1, 0.05],
        [-0.9, -0.1],
        [-0.45, -0.25],
        [-0.1, -0.9],
        [0.5, -0.95],
        [0.85, -0.3],
        [1, -0.2],
        [1, 0.75],
    ]
)


def street(shop: Workshop, near: float, far: float) -> list[Surface]:
    """Surfaces of a scene.

    Args:
        shop: maker of objects.
        near: disparity of the road at the lower edge of the image.
        far: disparity of the sky, in pixels.
    """
    road = _Road(shop, near)
    surfaces: list[Surface] = [_sky(shop, far), road.patch(), *road.marks()]
    surfaces += _skyline(shop, road)
    for side in (-1, 1):
        if shop.rng.random() < 0.75:
            surfaces += _houses(shop, road, side)
        surfaces += _roadside(shop, road, side)
    return surfaces


def _sky(shop: Workshop, disparity: float) -> Patch:
    """A bright plane behind everything, with faint clouds."""
    rng = shop.rng
    sky = far_plane(shop, disparity)
    texture = shop.material(kinds={"clouds", "plain"}).texture
    tint = np.clip(rng.uniform(170, 290) + np.array([-1.0, 0, 1.0]) * rng.uniform(-5, 40), 0, 300)
    contrast = rng.uniform(0.02, 0.3) / 3
    matrix = np.column_stack([np.full((3, 3), contrast), tint - 3 * contrast * texture.mean.mean()])
    sky.material = Material(texture, matrix.astype(np.float32))
    sky.texels *= 0.5
    return sky


class _Road:
    """The ground: a plane through the horizon, with the camera 1.65 m above it and a lane of 3.5 m."""

    def __init__(self, shop: Workshop, near: float) -> None:
        self.shop, self.rig = shop, shop.rig
        height = self.rig.size[0]
        self.horizon = self.rig.center[1]
        slope = near / max(height - 1 - self.horizon, 8)
        self.height = 1 / slope
        self.meter = self.height / 1.65
        self.right, self.away = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
        self.middle = shop.rng.normal(0, 3) * self.meter
        self.half = shop.rng.uniform(3, 7) * self.meter
        self.bend = float(shop.rng.normal(0, 0.08))

    def point(self, right: float, depth: float) -> tuple[float, float, float]:
        """Pixel and disparity of a point of the ground, from baselines to the right of the road's middle and depth."""
        place = np.array([[self.middle + right + math.tan(self.bend) * depth, self.height, depth]])
        x, y = self.rig.project(place)[0]
        return float(x), float(y), self.rig.focal / depth

    def patch(self) -> Patch:
        origin = np.array([0, self.height, 3 * self.height])
        kinds = _PAVING if self.shop.rng.random() < 0.7 else None
        material = self.shop.lit(self.shop.material(0.35, kinds), _DOWN)
        axes = rotation(0, 0, self.shop.rng.uniform(-3, 3))[:2, :2] @ np.stack([self.right, self.away])
        return Patch(origin, axes, None, material, self.shop.texels(self.rig.focal / origin[2], 3.0))

    def marks(self) -> list[Patch]:
        """The road's surface between pavements, lines, and patches of other ground."""
        rng, shop = self.shop.rng, self.shop
        along = np.array([math.sin(self.bend), 0, math.cos(self.bend)])
        axes = np.stack([np.array([along[2], 0, -along[0]]), along])
        white = shop.material(1.0).shaded(1.3)
        flats: list[tuple[float, float, float, float]] = []
        if rng.random() < 0.7:
            flats.append((0, self.half, 0, 400 * self.meter))
        lines = []
        if rng.random() < 0.7:
            lane = self.half * 2 / int(rng.integers(1, 4))
            dash, gap = rng.uniform(1, 6) * self.meter, rng.uniform(0, 9) * self.meter
            for k in range(int(2 * self.half / lane) + 1):
                for n in range(14):
                    lines.append((-self.half + k * lane, 0.08 * self.meter, (dash + gap) * n + dash, dash / 2))
        for _ in range(int(rng.integers(0, 6))):
            size = rng.uniform(0.3, 3, 2) * self.meter
            flats.append((rng.normal(0, 5) * self.meter, size[0], rng.uniform(3, 30) * self.meter, size[1]))
        found = [
            self._mark([flat], shop.lit(shop.material(0.4, _PAVING), _DOWN), axes, 1e9 - n)
            for n, flat in enumerate(flats)
        ]
        return [*found, self._mark(lines, white, axes, 1e8)] if lines else found

    def _mark(
        self, places: list[tuple[float, float, float, float]], material: Material, axes: np.ndarray, order: float
    ) -> Patch:
        """Rectangles (right, half width, depth, half length) on the ground."""
        shape = [
            [outline.box(right - wide, deep - long, right + wide, deep + long)] for right, wide, deep, long in places
        ]
        origin = np.array([self.middle, self.height, 0.0])
        texels = self.shop.texels(self.rig.focal / (8 * self.meter))
        return Patch(origin, axes, shape, material, texels, bias=0.01, order=order)


def _skyline(shop: Workshop, road: _Road) -> list[Surface]:
    """Far hills, woods or houses across the end of the road."""
    rng, width = shop.rng, shop.rig.size[1]
    surfaces: list[Surface] = []
    for _ in range(int(rng.integers(0, 5))):
        depth = rng.uniform(40, 200) * road.meter
        disparity = shop.rig.focal / depth
        foot = road.horizon + road.height * disparity
        half = (width * rng.uniform(0.1, 0.7), shop.rig.size[0] * rng.uniform(0.03, 0.25))
        shape = outline.foliage(rng) if rng.random() < 0.6 else outline.rectangle()
        place = (float(rng.uniform(0, width)), foot, disparity)
        material = shop.material(0.1, _FOLIAGE) if rng.random() < 0.6 else None
        surfaces.append(shop.patch(place, half, shape, rotation(float(rng.normal(0, 0.3)), 0), material, up=0.8))
    return surfaces


def _houses(shop: Workshop, road: _Road, side: int) -> list[Surface]:
    """A row of fronts along one side, with gaps, doors and windows in the texture and as reliefs."""
    rng = shop.rng
    surfaces: list[Surface] = []
    away = road.half + rng.uniform(1, 8) * road.meter
    depth = rng.uniform(-2, 15) * road.meter
    for _ in range(int(rng.integers(1, 7))):
        long, tall = rng.uniform(5, 25) * road.meter, rng.uniform(3, 14) * road.meter
        middle = depth + long / 2
        turn = side * (math.pi / 2) + road.bend + float(rng.normal(0, 0.05))
        frame = rotation(turn, 0)
        right = side * (away + rng.uniform(-1, 1) * road.meter) + road.middle + math.tan(road.bend) * middle
        origin = np.array([right, road.height - tall / 2, middle])
        disparity = shop.rig.focal / max(middle, 4 * road.meter)
        material, texels = shop.material(), shop.texels(disparity)
        shape = [[outline.box(-long / 2, -tall / 2, long / 2, tall / 2)]]
        surfaces.append(Patch(origin, frame[:2], shape, shop.lit(material, frame[2]), texels))
        front = np.array([right + side * long * 0.3, road.height - tall / 2, depth])
        gable = [[outline.box(-long * 0.3, -tall / 2, long * 0.3, tall / 2)]]
        surfaces.append(Patch(front, np.eye(3)[:2], gable, shop.lit(material, np.array([0, 0, -1.0])), texels))
        surfaces += _openings(shop, origin, frame, (long, tall), disparity)
        depth += long + (rng.uniform(1, 12) * road.meter if rng.random() < 0.4 else 0)
    return surfaces


def _openings(
    shop: Workshop, origin: np.ndarray, frame: np.ndarray, size: tuple[float, float], disparity: float
) -> list[Surface]:
    """Windows and doors painted on a front."""
    rng = shop.rng
    if rng.random() < 0.4:
        return []
    columns, rows = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    half = np.array(size) / [columns, rows] * rng.uniform(0.15, 0.4, 2)
    glass, texels = shop.material(0.5).shaded(rng.uniform(0.3, 0.9)), shop.texels(disparity)
    grid = outline.lattice(rng) if rng.random() < 0.3 else outline.rectangle()
    places = [
        ((column + 0.5) / columns - 0.5, (row + 0.5) / rows - 0.5) for column in range(columns) for row in range(rows)
    ]
    shape = [[contour * half + np.array(place) * size for contour in part] for place in places for part in grid]
    return [Patch(origin, frame[:2], shape, glass, texels, bias=0.02, order=float(origin[2]) - 1e-3)]


def _roadside(shop: Workshop, road: _Road, side: int) -> list[Surface]:
    """Cars, trees, poles, hedges, people and things along one side."""
    rng = shop.rng
    surfaces: list[Surface] = []
    for _ in range(int(rng.integers(2, 11))):
        depth = math.exp(rng.uniform(math.log(4), math.log(60))) * road.meter
        right = side * (road.half + rng.normal(0.5, 1.8) * road.meter)
        place = road.point(right, depth)
        pixels = place[2] * road.meter
        if place[2] > 0.9 * shop.rig.max_disparity or not -0.4 < place[0] / shop.rig.size[1] < 1.4:
            continue
        kind = rng.random()
        if kind < 0.32:
            surfaces += _car(shop, place, pixels, road)
        elif kind < 0.55:
            surfaces += _tree(shop, place, pixels)
        elif kind < 0.72:
            surfaces += _post(shop, place, pixels)
        elif kind < 0.82:
            half = (pixels * rng.uniform(0.5, 3), pixels * rng.uniform(0.4, 1.2))
            bush = shop.material(0.0, _FOLIAGE)
            surfaces.append(shop.cushion(place, half, outline.foliage(rng), bush, up=0.9))
        else:
            frame = rotation(float(rng.normal(0, 0.5)), 0)
            if rng.random() < 0.5 and shop.people:
                half = (pixels * 0.9, pixels * 0.88)
                surfaces.append(shop.cushion(place, half, outline.person(rng), up=1))
            else:
                surfaces += standing_object(shop, place, pixels * rng.uniform(0.3, 1.2), frame, thin=0.5)
    return surfaces


def _car(shop: Workshop, place: tuple[float, float, float], pixels: float, road: _Road) -> list[Surface]:
    """A car along or across the road: a prism of its side view, with wheels and windows."""
    rng = shop.rng
    along = rng.random() < 0.8
    turn = road.bend + float(rng.normal(0, 0.05)) + (rng.choice([-1, 1]) * math.pi / 2 if along else 0.0)
    frame = rotation(float(turn), 0)
    paint = shop.material(0.9)
    half = (2.1 * pixels, 0.72 * pixels, 0.85 * pixels)
    surfaces: list[Surface] = list(shop.prism(place, half, frame, _CAR, paint, up=1))
    dark = shop.material(1.0).shaded(0.25)
    size = np.array(half) / place[2]
    center = shop.rig.point(*place) - frame[1] * size[1]
    ends = [-1, 1]
    for end in ends:
        flank = center + frame[2] * (end * size[2] * 1.001)
        order = float(center[2] - size[0] - size[2])
        parts = [[contour * [0.32, 0.32 / 1.0] * size[1] + [x * size[0], 0.7 * size[1]]] for x in (-0.6, 0.62)
                 for contour in outline.ellipse(count=20)[0]]  # fmt: skip
        glass = np.array([[-0.35, -0.25], [-0.08, -0.8], [0.45, -0.82], [0.7, -0.3]]) * size[:2]
        surfaces.append(Patch(flank, frame[:2], [*parts, [glass]], dark, 1.0, bias=0.02, order=order))
    return surfaces


def _tree(shop: Workshop, place: tuple[float, float, float], pixels: float) -> list[Surface]:
    """A trunk and a crown of a few inflated lumps of foliage, or bare branches."""
    rng = shop.rng
    tall = pixels * rng.uniform(2.5, 8)
    if rng.random() < 0.3:
        return [shop.patch(place, (tall * 0.5, tall * 0.5), outline.tree(rng), rotation(0, 0), up=1)]
    thick = pixels * rng.uniform(0.06, 0.25)
    trunk = shop.quadric(
        "cylinder", place, (thick, tall * 0.35, thick), rotation(0, 0, float(rng.normal(0, 0.05))), up=1
    )
    surfaces: list[Surface] = [trunk]
    foliage = shop.material(0.0, _FOLIAGE)
    wide = tall * rng.uniform(0.2, 0.4)
    for _ in range(int(rng.integers(2, 9))):
        x, y = place[0] + rng.normal(0, 0.6) * wide, place[1] - tall * rng.uniform(0.55, 0.9)
        half = (wide * rng.uniform(0.3, 0.9), wide * rng.uniform(0.25, 0.7))
        at = (float(x), float(y), place[2] * rng.uniform(0.96, 1.04))
        surfaces.append(shop.cushion(at, half, outline.foliage(rng), foliage))
    return surfaces


def _post(shop: Workshop, place: tuple[float, float, float], pixels: float) -> list[Surface]:
    """A lamp post, a sign or a bollard."""
    rng = shop.rng
    tall, thick = pixels * rng.uniform(0.5, 4), max(0.5, pixels * rng.uniform(0.02, 0.12))
    surfaces: list[Surface] = [shop.patch(place, (thick, tall), outline.rectangle(), rotation(0, 0), up=1)]
    if rng.random() < 0.6:
        at = (place[0], place[1] - 2 * tall, place[2] * 1.002)
        half = (pixels * rng.uniform(0.15, 0.6), pixels * rng.uniform(0.15, 0.6))
        shape = outline.SOLID[rng.integers(len(outline.SOLID))](rng)
        surfaces.append(shop.patch(at, half, shape, rotation(float(rng.normal(0, 0.3)), 0)))
    if rng.random() < 0.25:
        at = (place[0] + float(rng.normal(0, 2)) * tall, place[1] - 2 * tall, place[2])
        surfaces.append(
            shop.patch(at, (tall * 4, tall * 0.5), outline.wire(rng), rotation(float(rng.normal(0, 0.8)), 0))
        )
    return surfaces
