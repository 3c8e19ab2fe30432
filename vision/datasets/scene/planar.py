"""Flat surfaces: a homography takes each view's pixels to the texture, an affine map to the disparity."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.datasets.scene.camera import Box
from vision.datasets.scene.material import Material
from vision.datasets.scene.outline import Shape, regroup
from vision.datasets.scene.view import Fragment, View

_NEAR = 1e-3


@dataclass
class Patch:
    """A shape on a plane, or the whole plane.

    Args:
        origin: a 3D point of the plane, the (0, 0) of the shape.
        axes: two directions in the plane, `[2, 3]`, of length 1 and at right angles.
        shape: outline in baselines along the axes; None for the whole plane.
        material: what it looks like.
        texels: texels for each unit of length.
        bias: see `View.paint`.
        order: depth by which surfaces are sorted, if it is not the origin's: marks come after what they lie on.
    """

    origin: np.ndarray
    axes: np.ndarray
    shape: Shape | None
    material: Material
    texels: float
    bias: float = 0.0
    order: float | None = None

    @property
    def distance(self) -> float:
        """Depth by which surfaces are sorted; a whole plane is behind what stands on it."""
        if self.order is not None:
            return self.order
        return float(self.origin[2]) if self.shape is not None else float("inf")

    def trace(self, view: View) -> Fragment | None:
        """What the patch contributes to one view; None if it is not in it."""
        origin = self.origin + np.array([view.side, 0.0, 0.0])
        slope = _disparity_plane(origin, self.axes, view)
        if slope is None:
            return None
        alpha = None
        box = (0, 0, view.rig.size[1], view.rig.size[0])
        if self.shape is not None:
            parts = self._outline(origin, view)
            found = view.clip(np.concatenate([contour for part in parts for contour in part])) if parts else None
            if found is None:
                return None
            box, alpha = found, coverage(parts, found)
        x = np.arange(box[0], box[2], dtype=np.float32)
        y = np.arange(box[1], box[3], dtype=np.float32)
        disparity = (np.float32(slope[0]) * x)[None] + (np.float32(slope[1]) * y + np.float32(slope[2]))[:, None]
        if alpha is None:
            alpha = (disparity > _NEAR).astype(np.float32)

        def color(part: Box) -> np.ndarray:
            place = (box[0] + part[0], box[1] + part[1], box[0] + part[2], box[1] + part[3])
            seen = self.material.warp(self._to_texture(origin, view), place, slope)
            middle = slope[0] * (place[0] + place[2]) / 2 + slope[1] * (place[1] + place[3]) / 2 + slope[2]
            return self.material.reflect(seen, place, view.side, middle)

        return Fragment(box, disparity, alpha, color, self.bias)

    def _outline(self, origin: np.ndarray, view: View) -> Shape:
        """The shape in pixels of a view, without what is behind the camera."""
        assert self.shape is not None
        nearest = view.rig.focal / (4 * view.rig.max_disparity)
        # All contours at once: fences and facades have dozens.
        points = origin + np.concatenate([contour for part in self.shape for contour in part]) @ self.axes
        if points[:, 2].min() >= nearest:
            return regroup(view.rig.project(points), self.shape)
        parts = []
        for part in regroup(points, self.shape):
            clipped = [_clip_near(contour, nearest) for contour in part]
            parts.append([view.rig.project(contour) for contour in clipped if len(contour) > 2])
        return [part for part in parts if part]

    def _to_texture(self, origin: np.ndarray, view: View) -> np.ndarray:
        """Homography from pixels to texels, `[3, 3]`: the inverse of camera x (axes, origin), up to a factor."""
        (ux, uy, uz), (vx, vy, vz) = self.axes.tolist()
        ox, oy, oz = origin.tolist()
        # Rows of the inverse are cross products of the columns; written out, they cost a tenth of NumPy's.
        inverse = np.array(
            [
                [vy * oz - vz * oy, vz * ox - vx * oz, vx * oy - vy * ox],
                [oy * uz - oz * uy, oz * ux - ox * uz, ox * uy - oy * ux],
                [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx],
            ]
        )
        (x, y), focal = view.rig.center, view.rig.focal
        inverse[:, 2] -= (inverse[:, 0] * x + inverse[:, 1] * y) / focal
        inverse[:, :2] /= focal
        inverse[:2] = self.texels * inverse[:2] + np.outer(self.material.offset, inverse[2])
        return inverse


def coverage(parts: Shape, box: Box) -> np.ndarray:
    """Share of every pixel of a box that a shape in pixels covers, float `[h, w]` 0..1."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    fine = 4 if width * height < 30_000 else 2
    mask = np.zeros((height * fine, width * fine), np.uint8)
    # Pixel centers are whole numbers; OpenCV wants 4 binary places.
    points = np.concatenate([contour for part in parts for contour in part])
    points = (points - (left - 0.5, top - 0.5)) * (fine * 16) - 8
    fixed = np.clip(points, -(2**24), 2**24).round().astype(np.int32)
    for part in regroup(fixed, parts):
        cv2.fillPoly(mask, part, 255, cv2.LINE_8, 4)
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return small * np.float32(1 / 255)


def _disparity_plane(origin: np.ndarray, axes: np.ndarray, view: View) -> tuple[float, float, float] | None:
    """Disparity as a x + b y + c of a view's pixels; None for a plane seen edge on."""
    (ux, uy, uz), (vx, vy, vz) = axes.tolist()
    # NumPy's cross product takes longer than all else here.
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    px, py, pz = origin.tolist()
    # A point of the plane has n p = height. Along the ray r = ((x - cx) / f, (y - cy) / f, 1) it is at depth
    # height / (n r), so that its disparity, f over the depth, is an affine function of the pixel.
    height = nx * px + ny * py + nz * pz
    if abs(height) < 1e-6 * max(abs(px), abs(py), abs(pz)):
        return None
    x, y = view.rig.center
    a, b = nx / height, ny / height
    return a, b, view.rig.focal * nz / height - a * x - b * y


def _clip_near(points: np.ndarray, nearest: float) -> np.ndarray:
    """The part of a 3D polygon `[N, 3]` beyond a depth (Sutherland and Hodgman)."""
    kept = []
    for first, second in zip(points, np.roll(points, -1, axis=0), strict=True):
        if first[2] >= nearest:
            kept.append(first)
        if (first[2] < nearest) != (second[2] < nearest):
            kept.append(first + (second - first) * ((nearest - first[2]) / (second[2] - first[2])))
    return np.array(kept).reshape(-1, 3)
