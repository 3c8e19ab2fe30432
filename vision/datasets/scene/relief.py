"""Curved sheets and inflated shapes: disparity given as a smooth field over the middle camera's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.datasets.scene.camera import Box
from vision.datasets.scene.material import Material, scaled
from vision.datasets.scene.outline import Shape, regroup
from vision.datasets.scene.planar import coverage
from vision.datasets.scene.view import Fragment, View


@dataclass
class Relief:
    """A surface d(x, y) of the middle camera's pixels, over a rectangle or within an outline.

    A point of it lies at x + d/2 in the left view: each view solves x + side d(x) = its own x, which has one solution
    where the slope of d along x stays below 2.

    Args:
        corner: pixel (x, y) of the field's first node.
        step: pixels from node to node.
        field: disparity at the nodes, float32 `[h, w]`.
        shape: outline in pixels of the middle camera; None for all that the field covers.
        material: what it looks like.
        texels: texels per pixel.
        shade: brightness at the nodes, float32 `[h, w]`.
        stretch: texels by which the texture moves for each pixel of disparity, (u, v): folds foreshorten it.
        depth: depth by which surfaces are sorted.
    """

    corner: tuple[float, float]
    step: int
    field: np.ndarray
    shape: Shape | None
    material: Material
    texels: float
    shade: np.ndarray
    stretch: tuple[float, float]
    depth: float

    @property
    def distance(self) -> float:
        """Depth by which surfaces are sorted."""
        return self.depth

    def trace(self, view: View) -> Fragment | None:
        """What the surface contributes to one view; None if it is not in it."""
        alpha = None
        box = (0, 0, view.rig.size[1], view.rig.size[0])
        if self.shape is not None:
            points = self._shift(np.concatenate([contour for part in self.shape for contour in part]), view.side)
            found = view.clip(points)
            if found is None:
                return None
            box, alpha = found, coverage(regroup(points, self.shape), found)
        disparity, shade = self._solve(box, view.side)
        if alpha is None:
            alpha = (disparity > 1e-3).astype(np.float32)

        def color(part: Box) -> np.ndarray:
            inside = (slice(part[1], part[3]), slice(part[0], part[2]))
            d = disparity[inside]
            x = np.arange(box[0] + part[0], box[0] + part[2], dtype=np.float32) - np.float32(self.corner[0])
            y = np.arange(box[1] + part[1], box[1] + part[3], dtype=np.float32) - np.float32(self.corner[1])
            scale = np.float32(self.texels)
            u = scale * x[None] + np.float32(self.stretch[0] - self.texels * view.side) * d
            v = scale * y[:, None] + np.float32(self.stretch[1]) * d
            return scaled(self.material.sample(u, v), shade[inside])

        return Fragment(box, disparity, alpha, color)

    def _shift(self, points: np.ndarray, side: float) -> np.ndarray:
        """Move points `[N, 2]` of the middle camera into a view."""
        place = ((points - self.corner) / self.step).astype(np.float32)
        d = cv2.remap(self.field, place[:, :1], place[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return points + np.column_stack([side * d[:, 0], np.zeros(len(d))])

    def _solve(self, box: Box, side: float) -> tuple[np.ndarray, np.ndarray]:
        """Disparity and brightness of a view's pixels, `[h, w]` each."""
        left, top, right, bottom = box
        step = self.step
        columns, rows = -(-(right - left) // step) + 2, -(-(bottom - top) // step) + 2
        # Nodes lie where cv2.resize puts the centers of coarse pixels; one more on every side for its cubic kernel.
        x = left + (np.arange(columns, dtype=np.float32) - 0.5) * step - 0.5
        y = top + (np.arange(rows, dtype=np.float32) - 0.5) * step - 0.5
        target = np.broadcast_to((x[None] - np.float32(self.corner[0])) / step, (rows, columns))
        down = np.broadcast_to((y[:, None] - np.float32(self.corner[1])) / step, (rows, columns)).copy()
        place = target.copy()
        ratio = np.float32(side / step)
        for _ in range(8):
            d = cv2.remap(self.field, place, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            place = target - ratio * d
        shade = cv2.remap(self.shade, place, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        size = (columns * step, rows * step)
        window = (slice(step, step + bottom - top), slice(step, step + right - left))
        full = cv2.resize(d, size, interpolation=cv2.INTER_CUBIC)[window]
        return full, cv2.resize(shade, size, interpolation=cv2.INTER_LINEAR)[window]
