"""Spheres, ellipsoids, cylinders, cones and cups, hit exactly by the rays of each view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.datasets.scene.camera import Box
from vision.datasets.scene.material import Material, scaled
from vision.datasets.scene.view import Fragment, View

_BEYOND = np.float32(1e6)


@dataclass
class Quadric:
    """A body of revolution x² + z² = a + b y + c y² for -1 <= y <= 1, stretched, turned and placed.

    Args:
        center: 3D point.
        frame: half axes, `[3, 3]`: row i is the direction of the body's axis i times its half length.
        profile: a, b, c. (1, 0, -1) is a sphere, (1, 0, 0) a cylinder.
        open_end: no lid at y = -1: one looks in.
        material: what it looks like.
        texels: texels for each unit of length.
        light: direction that the light comes from, `[3]`, length 1.
        ambient: brightness of what the light does not reach, 0..1.
        gloss: strength of the highlight, 0..1.
    """

    center: np.ndarray
    frame: np.ndarray
    profile: tuple[float, float, float]
    open_end: bool
    material: Material
    texels: float
    light: np.ndarray
    ambient: float = 0.5
    gloss: float = 0.0

    @property
    def distance(self) -> float:
        """Depth by which surfaces are sorted."""
        return float(self.center[2])

    def trace(self, view: View) -> Fragment | None:
        """What the body contributes to one view; None if it is not in it."""
        center = self.center + np.array([view.side, 0.0, 0.0])
        wide = max(1.0, np.sqrt(max(sum(self.profile), self.profile[0] - self.profile[1] + self.profile[2], 0)))
        reach = np.abs(self.frame[1]) + wide * np.hypot(self.frame[0], self.frame[2])
        corners = center + _CORNERS * reach
        if corners[:, 2].min() < 0.5 * view.rig.focal / view.rig.max_disparity:
            return None
        box = view.clip(view.rig.project(corners))
        if box is None:
            return None
        depth, normal, alpha = self._hit(view, box, center)
        disparity = np.where(alpha > 0, view.rig.focal / depth, -1).astype(np.float32)

        def color(part: Box) -> np.ndarray:
            inside = (slice(part[1], part[3]), slice(part[0], part[2]))
            place = (box[0] + part[0], box[1] + part[1], box[0] + part[2], box[1] + part[3])
            x, y = view.rig.rays(place)
            z = depth[inside]
            cx, cy, cz = center.astype(np.float32)
            return self._shade(view.side, (x * z - cx, y * z - cy, z - cz), normal[:, inside[0], inside[1]])

        return Fragment(box, disparity, alpha, color)

    def _hit(self, view: View, box: Box, center: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth `[h, w]`, normal in body coordinates `[3, h, w]` and coverage `[h, w]` along the rays of a box."""
        inverse = np.linalg.inv(self.frame.T).astype(np.float32)
        x, y = view.rig.rays(box)
        dx, dy, dz = (inverse[i, 0] * x + inverse[i, 1] * y + inverse[i, 2] for i in range(3))
        ox, oy, oz = (np.float32(v) for v in inverse @ -center)
        a, b, c = (np.float32(v) for v in self.profile)
        # The ray o + t d, put into x² + z² = a + b y + c y²: quad t² + 2 half t + rest = 0. Rays have z = 1 in the
        # camera, so t is the depth.
        quad = dx * dx + dz * dz - c * dy * dy
        half = ox * dx + oz * dz - dy * (0.5 * b + c * oy)
        rest = ox * ox + oz * oz - (a + b * oy + c * oy * oy)
        quad = np.where(np.abs(quad) < 1e-12, np.float32(1e-12), quad)
        root = half * half - quad * rest
        smooth = np.sqrt(np.maximum(root, 0))
        first, second = (-half - smooth) / quad, (-half + smooth) / quad
        near, far = np.minimum(first, second), np.maximum(first, second)
        depth = np.full(root.shape, _BEYOND, np.float32)
        for t in (near, far):
            good = (root > 0) & (t > 0) & (np.abs(oy + t * dy) <= 1) & (t < depth)
            depth = np.where(good, t, depth)
        # Half the gradient of x² + z² - a - b y - c y².
        normal = np.stack([ox + depth * dx, -0.5 * b - c * (oy + depth * dy), oz + depth * dz])
        for lid in (-1, 1):
            radius = a + b * lid + c
            if radius <= 1e-6 or (lid < 0 and self.open_end):
                continue
            t = (lid - oy) / np.where(np.abs(dy) < 1e-9, np.float32(1e-9), dy)
            good = (t > 0) & ((ox + t * dx) ** 2 + (oz + t * dz) ** 2 <= radius) & (t < depth)
            depth = np.where(good, t, depth)
            normal = np.where(good, np.array([0, lid, 0], np.float32)[:, None, None], normal)
        hit = depth < _BEYOND
        # Softer toward the outline, for there a pixel is not all covered.
        soft = cv2.GaussianBlur(hit.astype(np.float32), (3, 3), 0.8, borderType=cv2.BORDER_REPLICATE)
        alpha = np.where(hit, np.maximum(soft, np.float32(0.5)), np.float32(0))
        return np.where(hit, depth, 1), np.where(hit, normal, 1), alpha

    def _shade(self, side: float, point: tuple[np.ndarray, ...], normal: np.ndarray) -> np.ndarray:
        """Colors `[h, w, 3]` of points (x, y, z from the center) with normals `[3, h, w]` in body coordinates."""
        lengths = np.linalg.norm(self.frame, axis=1)
        axes = (self.frame / lengths[:, None]).astype(np.float32)
        local = [axes[i, 0] * point[0] + axes[i, 1] * point[1] + axes[i, 2] * point[2] for i in range(3)]
        around = np.float32(0.5 * (lengths[0] + lengths[2]) * self.texels) * np.arctan2(local[0], -local[2])
        color = self.material.sample(around, local[1] * np.float32(self.texels))
        turn = (axes.T / lengths).astype(np.float32)
        world = (turn @ normal.reshape(3, -1)).reshape(normal.shape)
        world /= np.sqrt((world * world).sum(0)) + np.float32(1e-9)
        # Seen from within, the surface turns its other side to us.
        world *= np.where(world[2] > 0.3, np.float32(-1), np.float32(1))
        lambert = np.clip(np.tensordot(self.light.astype(np.float32), world, 1), 0, 1)
        color = scaled(color, np.float32(self.ambient) + np.float32(1 - self.ambient) * lambert)
        if self.gloss:
            # Each eye has its own highlight: half way between the light and the eye.
            half = self.light + np.array([side * 0.1, 0.0, -1.0])
            half = (half / np.linalg.norm(half)).astype(np.float32)
            spot = np.clip(np.tensordot(half, world, 1), 0, 1) ** 40 * np.float32(255 * self.gloss)
            color += spot[..., None]
        return color


_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
