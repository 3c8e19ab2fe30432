"""Stereo pairs of procedural scenes with exact disparity for both views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from torch.utils.data import get_worker_info

from vision.datasets.scene.camera import Rig
from vision.datasets.scene.confetti import confetti
from vision.datasets.scene.indoor import indoor
from vision.datasets.scene.lighting import Lighting
from vision.datasets.scene.pool import TexturePool
from vision.datasets.scene.sensor import Sensor
from vision.datasets.scene.street import street
from vision.datasets.scene.view import View
from vision.datasets.scene.workshop import Workshop
from vision.datasets.stereo.dataset import StereoTransform
from vision.datasets.stereo.visibility import LEFT, RIGHT, seen_by_other
from vision.datasets.transforms import build_transform

SCENES = {"indoor": indoor, "street": street, "confetti": confetti}


class SyntheticStereo:
    """Stereo pairs made on the fly: rooms, streets and floating objects, seen by two unequal cameras.

    Item `i` depends on `seed` and `i` alone: every worker and every epoch sees the same. Every pixel of both views has
    its disparity, hidden ones too.

    Args:
        size: height and width in pixels.
        length: number of pairs.
        max_disparity: no pixel has more, in pixels; None for 0.4 times the width.
        seed: start of the random numbers.
        textures: photographs to show on surfaces beside the procedural textures: a folder or a list of files.
        photo_share: share of the textures that are cut from the photographs.
        layouts: how often each kind of scene comes, by name: "indoor", "street", "confetti".
        gray: share of pairs without color; streets are gray more often.
        sensor: how different the two cameras are: 0 ideal and alike, without mirroring surfaces; 1 as usual.
        weak: share of surfaces with hardly any texture.
        num_textures: size of the pool of textures that the scenes share; each is made when first used, in about 20 ms.
        texture_size: side of a texture in texels; the pool takes 4 bytes for each texel.
        transforms: callables `(sample, rng) -> sample`, or dicts that name a class of `vision.datasets` as `type`.

    Raises:
        ValueError: a number out of its range, an unknown layout, no positive weight, a folder without images.
    """

    metainfo: ClassVar[dict[str, Any]] = {"task": "stereo"}

    def __init__(
        self,
        size: tuple[int, int] = (256, 512),
        length: int = 10000,
        max_disparity: float | None = None,
        seed: int = 0,
        textures: str | Path | Sequence[str | Path] | None = None,
        photo_share: float = 0.5,
        layouts: dict[str, float] | None = None,
        gray: float = 0.15,
        sensor: float = 1.0,
        weak: float = 0.15,
        num_textures: int = 400,
        texture_size: int = 384,
        transforms: Sequence[StereoTransform | dict[str, Any]] | None = None,
    ) -> None:
        self.size = (int(size[0]), int(size[1]))
        if min(self.size) < 32:
            raise ValueError(f"size is {tuple(size)}; expected height and width of at least 32")
        if length < 0 or num_textures < 1 or texture_size < 16 or not 0 <= photo_share <= 1:
            raise ValueError(
                f"length is {length}, num_textures {num_textures}, texture_size {texture_size}, photo_share "
                f"{photo_share}; expected at least 0, at least 1, at least 16, and 0 to 1"
            )
        self.length = length
        self.max_disparity = 0.4 * self.size[1] if max_disparity is None else float(max_disparity)
        if self.max_disparity < 4:
            raise ValueError(f"max_disparity is {max_disparity}; expected at least 4 pixels")
        self.seed = seed
        self.gray, self.sensor, self.weak = gray, sensor, weak
        self.layouts = {"indoor": 0.45, "street": 0.25, "confetti": 0.3} if layouts is None else dict(layouts)
        unknown = set(self.layouts) - set(SCENES)
        if unknown or min(self.layouts.values(), default=0) < 0 or sum(self.layouts.values()) <= 0:
            raise ValueError(f"layouts is {self.layouts}; expected weights of {sorted(SCENES)}, not all 0")
        self.pool = TexturePool(seed, num_textures, textures, photo_share, texture_size, glossy=0.06 * min(1.0, sensor))
        self.transforms = [build_transform(transform) for transform in transforms or []]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        """A pair: left, right uint8 `[H, W, 3]`; disparity, disparity_right `[H, W]`; visible, visible_right; names."""
        if not 0 <= index < self.length:
            raise IndexError(f"pair {index} of {self.length}")
        if get_worker_info() is not None and cv2.getNumThreads() > 1:
            cv2.setNumThreads(0)  # the workers are the threads
        rng = np.random.default_rng([self.seed, index])
        names = sorted(self.layouts)
        weights = np.array([self.layouts[name] for name in names])
        name = names[rng.choice(len(names), p=weights / weights.sum())]
        left, right = self._render(rng, name)
        outdoors = name == "street"
        sensor = Sensor(rng, min(1.0, self.gray * (3 if outdoors else 1)), self.sensor, outdoors)
        images = sensor.develop(left.color, right.color)
        sample = {
            "left": images[0],
            "right": images[1],
            "disparity": left.disparity,
            "disparity_right": right.disparity,
            "visible": seen_by_other(left.disparity, right.disparity, LEFT),
            "visible_right": seen_by_other(right.disparity, left.disparity, RIGHT),
            "path": f"synthetic/{index:05d}",
            "scene": "synthetic",
        }
        choices = np.random.default_rng([self.seed, index, 1])
        for transform in self.transforms:
            sample = transform(sample, choices)
        return sample

    def _render(self, rng: np.random.Generator, name: str) -> tuple[View, View]:
        """Both views of a scene, with its light."""
        rig = self._rig(rng, name)
        width = rig.size[1]
        highest = min(0.33 * width, 0.9 * rig.max_disparity)
        near = math.exp(rng.uniform(math.log(min(0.025 * width, highest)), math.log(highest)))
        outdoors = name == "street"
        far = near * (rng.uniform(0.02, 0.3) if rng.random() < 0.4 else rng.uniform(0.2, 0.75))
        if outdoors:
            far = rng.uniform(0.03, 0.03 + 0.02 * near)
        shop = Workshop(rng, rig, self.pool, self.weak)
        surfaces = SCENES[name](shop, near, far)
        surfaces.sort(key=lambda surface: -surface.distance)
        lighting = Lighting(rng, sky=1.02 * far if outdoors else 0.0)
        views = View(rig, LEFT), View(rig, RIGHT)
        for view in views:
            view.compose([surface.trace(view) for surface in surfaces])
            lighting.apply(view)
        return views

    def _rig(self, rng: np.random.Generator, name: str) -> Rig:
        height, width = self.size
        focal = width * math.exp(rng.uniform(math.log(0.6), math.log(2.5)))
        center = np.array([width, height]) * (0.5 + rng.normal(0, 0.12, 2))
        if name == "street":
            focal = width * rng.uniform(0.55, 1.6)
            center = np.array([width * (0.5 + rng.normal(0, 0.3)), height * rng.uniform(0.1, 0.65)])
        return Rig(self.size, float(focal), (float(center[0]), float(center[1])), self.max_disparity)
