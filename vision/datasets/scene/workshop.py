"""Makes the objects that every layout is furnished with."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Protocol

import cv2
import numpy as np

from vision.datasets.scene import outline
from vision.datasets.scene.camera import Rig
from vision.datasets.scene.material import Material
from vision.datasets.scene.outline import Shape
from vision.datasets.scene.planar import Patch
from vision.datasets.scene.pool import TexturePool
from vision.datasets.scene.quadric import Quadric
from vision.datasets.scene.relief import Relief
from vision.datasets.scene.view import Fragment, View

# What a body of revolution may look like: x² + z² = a + b y + c y², and how often it is open at the top.
PROFILES = {
    "ball": (1.0, 0.0, -1.0),
    "cylinder": (1.0, 0.0, 0.0),
    "cone": (0.25, 0.5, 0.25),
    "cup": (0.72, -0.26, 0.02),
}


class Surface(Protocol):
    """What can be drawn into both views."""

    @property
    def distance(self) -> float:
        """Depth by which surfaces are sorted, far ones first."""

    def trace(self, view: View) -> Fragment | None:
        """What the surface contributes to one view; None if it is not in it."""


class Workshop:
    """Objects with random shapes, materials and light, for one scene.

    Sizes are in pixels of the middle camera at the place of the object.

    Args:
        rng: random numbers of the scene.
        rig: the cameras.
        pool: where materials come from.
        weak: share of materials with hardly any contrast.
        people: whether figures of people may stand among the things.
    """

    def __init__(
        self, rng: np.random.Generator, rig: Rig, pool: TexturePool, weak: float = 0.15, people: bool = True
    ) -> None:
        self.rng = rng
        self.rig = rig
        self.pool = pool
        self.weak = weak
        self.people = people
        light = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-1, -0.1), rng.uniform(-1, -0.3)])
        self.light = light / np.linalg.norm(light)
        self.ambient = rng.uniform(0.35, 0.8)
        self.fineness = math.exp(rng.normal(0, 0.35))

    def material(self, weak: float | None = None, kinds: Collection[str] | None = None) -> Material:
        """Any material, or one with a texture of certain kinds."""
        return self.pool.material(self.rng, self.weak if weak is None else weak, kinds)

    def texels(self, disparity: float, finest: float = 4.0) -> float:
        """Texels for each unit of length so that at this disparity there are about 0.7 to 4 per pixel."""
        return disparity * self.fineness * math.exp(self.rng.uniform(math.log(0.7), math.log(finest)))

    def lit(self, material: Material, normal: np.ndarray) -> Material:
        """A material as a flat face with this normal shows it; which of its two sides we see does not matter."""
        toward = -normal if normal[2] > 0 else normal
        lambert = max(0.0, float(toward @ self.light))
        return material.shaded(self.ambient + (1 - self.ambient) * lambert + 0.1)

    def frame(self, tilt: float = 0.6, roll: float = 0.2) -> np.ndarray:
        """Random axes `[3, 3]` (right, down, away), turned from the camera's by about `tilt` radians."""
        yaw, pitch = self.rng.normal(0, tilt, 2).clip(-1.3, 1.3)
        return rotation(float(yaw), float(pitch), float(self.rng.normal(0, roll)))

    def patch(
        self,
        place: tuple[float, float, float],
        half: tuple[float, float],
        shape: Shape,
        frame: np.ndarray,
        material: Material | None = None,
        up: float = 0.0,
    ) -> Patch:
        """A flat shape.

        Args:
            place: pixel (x, y) and disparity of its anchor.
            half: half width and height in pixels.
            shape: outline in -1..1.
            frame: axes as rows.
            material: what it looks like; None for anything.
            up: anchor along the height: 0 the middle, 1 the lower end.
        """
        size = np.array(half) / place[2]
        origin = self.rig.point(*place) - frame[1] * (up * size[1])
        scaled = [[contour * size for contour in part] for part in shape]
        material = self.lit(material or self.material(), frame[2])
        return Patch(origin, frame[:2], scaled, material, self.texels(place[2]))

    def prism(
        self,
        place: tuple[float, float, float],
        half: tuple[float, float, float],
        frame: np.ndarray,
        profile: np.ndarray | None = None,
        material: Material | None = None,
        up: float = 0.0,
    ) -> list[Patch]:
        """A box, or another convex or concave profile `[N, 2]` in -1..1 drawn out along the third axis."""
        profile = outline.box(-1, -1, 1, 1) if profile is None else profile
        size = np.array(half) / place[2]
        center = self.rig.point(*place) - frame[1] * (up * size[1])
        same = material or (self.material() if self.rng.random() < 0.5 else None)
        texels = self.texels(place[2])
        # Faces overlap by a third of a pixel, or the background shines through their soft edges.
        lap = 0.35 / place[2]
        faces = []
        for end in (-1, 1):
            origin = center + frame[2] * (end * size[2])
            if (frame[2] * end) @ origin < 0.5 * abs(frame[2, 0]):
                part = [[profile * (size[:2] + lap)]]
                faces.append(Patch(origin, frame[:2], part, self.lit(same or self.material(), frame[2]), texels))
        corners = profile * size[:2]
        ahead = np.roll(corners, -1, axis=0)
        turning = np.sign((corners[:, 0] * ahead[:, 1] - corners[:, 1] * ahead[:, 0]).sum())
        for first, second in zip(corners, ahead, strict=True):
            edge = second - first
            length = float(np.linalg.norm(edge))
            if length < 1e-9:
                continue
            along = (edge[0] * frame[0] + edge[1] * frame[1]) / length
            outward = turning * (edge[1] * frame[0] - edge[0] * frame[1]) / length
            middle = center + frame[:2].T @ ((first + second) / 2)
            if outward @ middle > 0.5 * abs(outward[0]):
                continue
            shape = [[outline.box(-length / 2 - lap, -size[2] - lap, length / 2 + lap, size[2] + lap)]]
            face = Patch(middle, np.stack([along, frame[2]]), shape, self.lit(same or self.material(), outward), texels)
            faces.append(face)
        return faces

    def quadric(
        self,
        kind: str,
        place: tuple[float, float, float],
        half: tuple[float, float, float],
        frame: np.ndarray,
        material: Material | None = None,
        up: float = 0.0,
    ) -> Quadric:
        """A ball, cylinder, cone or cup with half sizes in pixels."""
        size = np.array(half) / place[2]
        center = self.rig.point(*place) - frame[1] * (up * size[1])
        rng = self.rng
        gloss = float(rng.uniform(0.1, 0.8)) if rng.random() < 0.3 else 0.0
        return Quadric(
            center,
            frame * size[:, None],
            PROFILES[kind],
            kind in ("cup", "cylinder") and rng.random() < 0.5,
            material or self.material(),
            self.texels(place[2]),
            self.light,
            self.ambient,
            gloss,
        )

    def cushion(
        self,
        place: tuple[float, float, float],
        half: tuple[float, float],
        shape: Shape,
        material: Material | None = None,
        up: float = 0.0,
        slope: tuple[float, float] = (0.0, 0.0),
    ) -> Relief:
        """An inflated shape: a doll, an animal, a bush, a pillow.

        Args:
            place: pixel (x, y) and disparity of its anchor.
            half: half width and height in pixels.
            shape: outline in -1..1.
            material: what it looks like; None for anything.
            up: anchor along the height: 0 the middle, 1 the lower end.
            slope: disparity per pixel to the right and down.
        """
        rng, (x, y, disparity) = self.rng, place
        middle = np.array([x, y - up * half[1]])
        outlines = [[contour * half + middle for contour in part] for part in shape]
        step = 4 if max(half) > 40 else 2
        margin = 3 * step
        low = np.floor(np.concatenate([c for part in outlines for c in part]).min(0)) - margin
        high = np.concatenate([c for part in outlines for c in part]).max(0) + margin
        columns, rows = (np.ceil((high - low) / step).astype(int) + 1).tolist()
        local = [[(contour - low) / step for contour in part] for part in outlines]
        inside = (coverage_of(local, columns, rows) > 0.5).astype(np.uint8)
        away = cv2.distanceTransform(inside, cv2.DIST_L2, 5) * step
        radius = max(float(away.max()), 1.0)
        share = np.minimum(away / radius, 1)
        # A quarter of a circle from the rim to the middle, as of a balloon.
        bump = np.sqrt(np.maximum(1 - (1 - share) ** 2, 0)).astype(np.float32)
        bump = cv2.GaussianBlur(bump, (0, 0), max(0.8, 0.12 * radius / step))
        lumps = smooth_field(rng, rows, columns, int(rng.integers(2, 7)))
        # About as high as wide: `radius` pixels are radius / focal of the depth, and so is their share in disparity.
        height = disparity * radius / self.rig.focal * rng.uniform(0.3, 1.2)
        gx = (np.arange(columns, dtype=np.float32) * step + low[0] - middle[0]) * slope[0]
        gy = (np.arange(rows, dtype=np.float32) * step + low[1] - middle[1]) * slope[1]
        raised = height * bump * (1 + rng.uniform(0, 0.25) * lumps)
        return self._relief(low, step, gx[None] + gy[:, None] + disparity, raised, outlines, material, disparity)

    def sheet(self, plane: tuple[float, float, float], folds: float, shape: Shape | None = None) -> Relief:
        """A cloth with folds over the whole image, or within an outline in pixels.

        Args:
            plane: disparity as a x + b y + c.
            folds: height of the folds in pixels of disparity.
            shape: outline in pixels; None for all.
        """
        rng, (height, width), step = self.rng, self.rig.size, 4
        margin = math.ceil(self.rig.max_disparity / 2) + 8
        columns, rows = -(-(width + 2 * margin) // step) + 1, -(-(height + 16) // step) + 1
        x = np.arange(columns, dtype=np.float32) * step - margin
        y = np.arange(rows, dtype=np.float32) * step - 8
        base = plane[0] * x[None] + plane[1] * y[:, None] + plane[2]
        waves = np.zeros_like(base)
        for octave, cells in enumerate(rng.integers([2, 4, 7], [5, 9, 14]).tolist()):
            waves += smooth_field(rng, rows, columns, cells, math.exp(rng.normal(0, 0.6))) / (octave + 1)
        disparity = float(np.median(base))
        return self._relief(np.array([-margin, -8.0]), step, base, folds * waves, shape, None, disparity)

    def _relief(
        self,
        corner: np.ndarray,
        step: int,
        base: np.ndarray,
        raised: np.ndarray,
        shape: Shape | None,
        material: Material | None,
        disparity: float,
    ) -> Relief:
        rng = self.rng
        # A slope of 2 would fold the surface over itself in one view; real ones seldom have more than a half.
        steepest = float(np.abs(np.diff(raised, axis=1)).max()) / step
        raised = raised * min(1.0, 0.6 / max(steepest, 1e-6))
        field = (base + raised).astype(np.float32)
        dx, dy = (cv2.Sobel(field, cv2.CV_32F, *order, ksize=3, scale=1 / (8 * step)) for order in ((1, 0), (0, 1)))
        # With depth focal / d the slopes in space are those of d times -focal / d: the first two parts of the normal,
        # whose third is -1.
        gain = np.float32(self.rig.focal) / np.maximum(field, 0.5)
        nx, ny = -gain * dx, -gain * dy
        light = self.light.astype(np.float32)
        lambert = (nx * light[0] + ny * light[1] - light[2]) / np.sqrt(nx * nx + ny * ny + 1)
        shade = (self.ambient + 0.1 + (1 - self.ambient) * np.clip(lambert, 0, 1)).astype(np.float32)
        texels = self.texels(1.0)
        pull = rng.normal(0, 0.6, 2) * texels
        depth = self.rig.focal / max(disparity, 0.1)
        place = (float(corner[0]), float(corner[1]))
        material = material or self.material()
        return Relief(place, step, field, shape, material, texels, shade, (float(pull[0]), float(pull[1])), depth)


def rotation(yaw: float, pitch: float, roll: float = 0.0) -> np.ndarray:
    """Axes `[3, 3]` (right, down, away as rows) after a turn about y, then x, then z, in radians."""
    (cy, sy), (cx, sx), (cz, sz) = ((math.cos(a), math.sin(a)) for a in (yaw, pitch, roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1.0]])
    return (about_y @ about_x @ about_z).T


def smooth_field(rng: np.random.Generator, rows: int, columns: int, cells: int, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise of deviation about 1, with `cells` bumps along the longer side, float32 `[rows, columns]`."""
    longest = max(rows, columns)
    small = (
        max(4, round(cells * rows / longest * stretch) + 2),
        max(4, round(cells * columns / longest / stretch) + 2),
    )
    return cv2.resize(rng.standard_normal(small, dtype=np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)


def coverage_of(parts: Shape, columns: int, rows: int) -> np.ndarray:
    """Which nodes of a grid lie within a shape, uint8 0 or 1 `[rows, columns]`."""
    mask = np.zeros((rows, columns), np.uint8)
    for part in parts:
        cv2.fillPoly(mask, [np.round(contour * 16).astype(np.int32) for contour in part], 1, cv2.LINE_8, 4)
    return mask
