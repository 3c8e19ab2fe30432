"""Layout: objects of every kind floating before a background, as in FlyingThings (Mayer et al., CVPR 2016)."""

from __future__ import annotations

import math

import numpy as np

from vision.datasets.scene import outline
from vision.datasets.scene.planar import Patch
from vision.datasets.scene.workshop import PROFILES, Surface, Workshop


def confetti(shop: Workshop, near: float, far: float) -> list[Surface]:
    """Surfaces of a scene.

    Args:
        shop: maker of objects.
        near: largest disparity, in pixels.
        far: disparity of the background.
    """
    rng, (height, width) = shop.rng, shop.rig.size
    surfaces = background(shop, far)
    count = int(math.exp(rng.uniform(math.log(6), math.log(36))))
    share = height * math.exp(rng.uniform(math.log(0.12), math.log(0.3)))
    for disparity in np.exp(rng.uniform(math.log(max(far * 1.05, near * 0.1)), math.log(near), count)):
        size = min(share * math.exp(rng.normal(0, 0.6)), 0.55 * height)
        place = (float(rng.uniform(-0.05, 1.05) * width), float(rng.uniform(-0.05, 1.05) * height), float(disparity))
        surfaces += floating_object(shop, place, size)
    return surfaces


def background(shop: Workshop, far: float) -> list[Surface]:
    """A slanted wall, a corner of two, or a cloth that fills the image; a plain far plane behind it in any case."""
    rng, rig = shop.rng, shop.rig
    height, width = rig.size
    middle = (width / 2, height / 2, far)
    surfaces: list[Surface] = [far_plane(shop, far * 0.5)]
    kind = rng.random()
    if kind < 0.3:
        slope = rng.normal(0, 0.15, 2) * far / np.array([width, height])
        base = (float(slope[0]), float(slope[1]), float(far - slope[0] * width / 2 - slope[1] * height / 2))
        surfaces.append(shop.sheet(base, far * math.exp(rng.uniform(math.log(0.01), math.log(0.12)))))
        return surfaces
    for _ in range(1 if kind < 0.75 else 2):
        frame = shop.frame(0.35, 0.3)
        texels = shop.texels(far)
        surfaces.append(Patch(rig.point(*middle), frame[:2], None, shop.lit(shop.material(), frame[2]), texels))
    return surfaces


def far_plane(shop: Workshop, disparity: float, weak: float = 0.7) -> Patch:
    """A plane of constant disparity behind everything, so that every pixel has one."""
    height, width = shop.rig.size
    origin = shop.rig.point(width / 2, height / 2, disparity)
    return Patch(origin, np.eye(3)[:2], None, shop.material(weak), shop.texels(disparity), order=float("inf"))


def floating_object(shop: Workshop, place: tuple[float, float, float], size: float) -> list[Surface]:
    """One object of a random kind, of half size `size` in pixels, in any attitude."""
    rng = shop.rng
    aspect = math.exp(rng.normal(0, 0.4))
    half = (size * aspect, size / aspect)
    kind = rng.random()
    if kind < 0.3:
        shape = outline.SOLID[rng.integers(len(outline.SOLID))](rng)
        return [shop.patch(place, half, shape, shop.frame(0.5, 1.0))]
    if kind < 0.45:
        shape = outline.THIN[rng.integers(len(outline.THIN))](rng)
        return [shop.patch(place, half, shape, shop.frame(0.4, 0.6))]
    if kind < 0.52:
        return [pole(shop, place, size)]
    if kind < 0.7:
        profile = None if rng.random() < 0.7 else outline.polygon(rng)[0][0]
        return list(shop.prism(place, (*half, size * rng.uniform(0.2, 1.2)), shop.frame(0.9, 1.0), profile))
    if kind < 0.85:
        name = list(PROFILES)[rng.integers(len(PROFILES))]
        thick = half[0] * rng.uniform(0.4, 1.0)
        return [shop.quadric(name, place, (thick, half[1], thick), shop.frame(0.6, 1.0))]
    slope = rng.normal(0, 0.3, 2) * place[2] / shop.rig.focal
    return [shop.cushion(place, half, outline.blob(rng), slope=(float(slope[0]), float(slope[1])))]


def pole(shop: Workshop, place: tuple[float, float, float], size: float) -> Patch:
    """A long bar of 1 to 8 pixels."""
    thick = math.exp(shop.rng.uniform(math.log(0.6), math.log(4)))
    frame = shop.frame(0.3, 0.8 if shop.rng.random() < 0.5 else 0.05)
    return shop.patch(place, (thick, size * shop.rng.uniform(1.5, 5)), outline.rectangle(), frame)
