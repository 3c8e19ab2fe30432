"""Light on the finished views: gradients, cast shadows, contact shadows and haze, the same in both where they must be.

Each is a function of the place in space, which a pixel's column, row and disparity give, so that the two views agree.
"""

from __future__ import annotations

import cv2
import numpy as np

from vision.datasets.scene.material import scaled
from vision.datasets.scene.view import View
from vision.datasets.scene.workshop import smooth_field


class Lighting:
    """Random light for one scene, to be put on both views.

    Args:
        rng: random numbers of the scene.
        sky: disparity below which there is sky, without shadow; 0 for none. Far things may then fade into a veil.
    """

    def __init__(self, rng: np.random.Generator, sky: float = 0.0) -> None:
        self.sky = sky
        self.gradient = smooth_field(rng, 16, 32, int(rng.integers(1, 5))) * rng.uniform(0, 0.2)
        self.shadow = None
        if rng.random() < 0.35:
            raw = smooth_field(rng, 192, 192, int(np.exp(rng.uniform(np.log(4), np.log(24)))))
            soft = rng.uniform(0.1, 1.0)
            shade = np.clip((raw - rng.uniform(-0.8, 1.0)) / soft, 0, 1)
            self.shadow = 1 - rng.uniform(0.15, 0.65) * shade
        self.drift = rng.normal(0, 1.5, 2).astype(np.float32)
        self.zoom = np.float32(np.exp(rng.normal(0, 0.3)) * 0.3)
        self.contact = rng.uniform(0.05, 0.3) if rng.random() < 0.4 else 0.0
        self.reach = float(np.exp(rng.uniform(np.log(1), np.log(5))))
        self.haze = rng.uniform(0, 0.7) if sky and rng.random() < 0.5 else 0.0
        self.veil = rng.uniform(120, 255) + rng.normal(0, 10, 3)

    def apply(self, view: View) -> None:
        """Multiply the light into the colors of a view."""
        disparity = view.disparity
        height, width = disparity.shape
        x = np.arange(width, dtype=np.float32)[None] - np.float32(view.side) * disparity
        y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], disparity.shape)
        scale = np.float32(24 / width)
        light = 1 + cv2.remap(
            self.gradient.astype(np.float32),
            x * scale + 4,
            y * scale + 2,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        if self.shadow is not None:
            across, down = x + self.drift[0] * disparity, y + self.drift[1] * disparity
            shadow = cv2.remap(
                self.shadow.astype(np.float32),
                across * self.zoom,
                down * self.zoom,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )
            # The sky is in no shadow.
            light *= np.where(disparity < np.float32(self.sky), np.float32(1), shadow)
        if self.contact:
            light *= self._contact(disparity)
        view.color = scaled(view.color, light)
        if self.haze:
            share = np.float32(self.haze) * np.exp(disparity * np.float32(-12 / view.rig.max_disparity))
            view.color += share[..., None] * (self.veil.astype(np.float32) - view.color)

    def _contact(self, disparity: np.ndarray) -> np.ndarray:
        """Darkness of corners and of surfaces close behind others."""
        height, width = disparity.shape
        small = cv2.resize(disparity, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
        deeper = cv2.GaussianBlur(small, (0, 0), self.reach / 2) - small
        # Strongest 1.5 pixels behind; what is far behind an edge lies in no shadow of it.
        step = np.maximum(deeper, 0) * np.float32(1 / 1.5)
        shade = 1 - np.float32(self.contact) * step * np.exp(1 - step)
        return cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)
