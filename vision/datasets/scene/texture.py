"""Procedural textures, uint8 RGB `[size, size, 3]`: noise, dead leaves, cells, patterns, marks, plain walls.

Sizes and spectra follow what is known of photographs: a 1/f amplitude spectrum, and shapes whose sizes follow a power
law (Lee, Mumford and Huang, "Occlusion Models for Natural Images", IJCV 2001).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Painter = Callable[[np.random.Generator, int], np.ndarray]


def make_texture(rng: np.random.Generator, kind: str, size: int = 384) -> np.ndarray:
    """A random texture of one of the `KINDS`."""
    names = list(KINDS)
    image = KINDS[kind][0](rng, size)
    if rng.random() < 0.15 and kind != "clouds":
        other = KINDS[names[rng.integers(len(names))]][0](rng, size)
        mask = noise(rng, size, rng.uniform(1.2, 2.2)) > rng.uniform(-0.5, 1.0)
        image = np.where(mask[..., None], image, other)
    if rng.random() < 0.5:
        image = image * (1 + rng.uniform(0.03, 0.2) * noise(rng, size, 2.0))[..., None]
    if rng.random() < 0.7:
        image = image + rng.uniform(1, 14) * noise(rng, size, rng.uniform(-0.2, 0.8))[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def noise(rng: np.random.Generator, size: int, exponent: float, stretch: float = 1.0) -> np.ndarray:
    """Periodic noise with amplitude 1/f^exponent, mean 0 and deviation 1, float32 `[size, size]`."""
    fy = np.fft.fftfreq(size)[:, None].astype(np.float32) * np.float32(stretch)
    fx = np.fft.rfftfreq(size)[None].astype(np.float32)
    radius = np.sqrt(fx**2 + fy**2)
    radius[0, 0] = 1
    white = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    field = np.fft.irfft2(white * radius ** np.float32(-exponent) * (radius < 1), (size, size)).astype(np.float32)
    field -= field.mean()
    return field / np.float32(field.std() + 1e-9)


def color(rng: np.random.Generator) -> np.ndarray:
    """A color as objects have it: mostly dull, sometimes vivid, float `[3]` 0..255."""
    value = 255 * rng.beta(1.6, 1.4)
    vivid = rng.beta(1, 5) if rng.random() < 0.7 else rng.uniform(0.3, 1)
    # Warm hues are more frequent than cold ones.
    hue = rng.normal(0.09, 0.06) if rng.random() < 0.5 else rng.random()
    rgb = [min(max(abs((hue * 6 + shift) % 6 - 3) - 1, 0), 1) for shift in (0, 4, 2)]
    return np.array([value * (1 - vivid + vivid * channel) for channel in rgb])


def palette(rng: np.random.Generator, count: int, spread: float | None = None) -> np.ndarray:
    """Colors that go together, `[count, 3]`: variations of one, or a free choice."""
    spread = float(rng.choice([12.0, 30.0, 60.0])) if spread is None else spread
    if rng.random() < 0.35:
        return np.array([color(rng) for _ in range(count)])
    tints = rng.normal(0, spread, (count, 1)) + rng.normal(0, spread * 0.25, (count, 3))
    return np.clip(color(rng) * rng.uniform(0.5, 1) + 30 + tints, 0, 255)


def _map_colors(rng: np.random.Generator, field: np.ndarray) -> np.ndarray:
    """Color a field of deviation 1 by a gradient through a few colors."""
    colors = palette(rng, int(rng.integers(2, 5)))
    place = np.linspace(-2.0, 2.0, len(colors))
    table = np.stack([np.interp(np.linspace(-2, 2, 256), place, colors[:, c]) for c in range(3)], 1)
    index = np.clip((field + 2) * 64, 0, 255).astype(np.uint8)
    return table.astype(np.float32)[index]


def _clouds(rng: np.random.Generator, size: int) -> np.ndarray:
    image = _map_colors(rng, noise(rng, size, rng.uniform(0.7, 1.7), float(np.exp(rng.normal(0, 0.5)))))
    return image + 8 * noise(rng, size, 1.2)[..., None] * rng.normal(0, 1, 3).astype(np.float32)


def _grain(rng: np.random.Generator, size: int) -> np.ndarray:
    stretch = float(np.exp(rng.normal(0, 0.7)))
    field = 0.7 * noise(rng, size, rng.uniform(-0.1, 0.7), stretch) + 0.5 * noise(rng, size, 1.6)
    return color(rng).astype(np.float32) + field[..., None] * np.float32(rng.uniform(6, 40))


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    slope = rng.normal(0, 12, 2)
    field = slope[0] * x + slope[1] * y + rng.uniform(1, 6) * noise(rng, size, 1.8)
    field += rng.uniform(0.3, 2.5) * noise(rng, size, rng.uniform(0, 0.8))
    return color(rng).astype(np.float32) * 0.8 + 40 + field[..., None].astype(np.float32)


def _wood(rng: np.random.Generator, size: int) -> np.ndarray:
    x = np.arange(size, dtype=np.float32)[None] / size
    warp = noise(rng, size, 2.0, 0.3) * rng.uniform(0.02, 0.15)
    rings = np.sin((x + warp) * rng.uniform(10, 60)) + 0.7 * noise(rng, size, 0.8, rng.uniform(8, 25))
    return _map_colors(rng, rings.astype(np.float32))


def _blotches(rng: np.random.Generator, size: int) -> np.ndarray:
    field = noise(rng, size, rng.uniform(1.1, 2.0), float(np.exp(rng.normal(0, 0.4))))
    colors = palette(rng, int(rng.integers(2, 6)), 50)
    edges = np.sort(rng.normal(0, 0.8, len(colors) - 1))
    image = colors.astype(np.float32)[np.digitize(field, edges)]
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5))


def _leaves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Dead leaves: shapes of power-law sizes that hide one another."""
    image = np.empty((size, size, 3), np.float32)
    image[:] = color(rng)
    colors = palette(rng, 12, 60)
    smallest = rng.uniform(2, 5)
    largest = max(size * rng.uniform(0.05, 0.25), smallest)  # of small textures
    count = int(rng.integers(400, 900))
    # Numbers fall with the cube of the radius: then an image looks alike at every scale (Lee, Mumford and Huang).
    radius = 1 / np.sqrt(rng.uniform(1 / largest**2, 1 / smallest**2, count))
    kinds, aspect = rng.integers(0, 3), rng.uniform(0.2, 1.0, count)
    for i in np.argsort(-radius + rng.normal(0, 2, count)):
        shade = colors[rng.integers(12)] * rng.uniform(0.6, 1.2) + rng.normal(0, 8, 3)
        _stamp(image, rng, rng.uniform(0, size, 2), radius[i], aspect[i], int(kinds), shade.tolist())
    return image


def _stamp(
    image: np.ndarray,
    rng: np.random.Generator,
    place: np.ndarray,
    radius: float,
    aspect: float,
    kind: int,
    shade: list[float],
) -> None:
    angle = rng.uniform(0, 180)
    x, y = (place * 16).astype(int).tolist()
    if kind == 0:
        axes = (int(radius * 16), int(radius * aspect * 16))
        cv2.ellipse(image, (x, y), axes, angle, 0, 360, shade, -1, cv2.LINE_AA, 4)
        return
    corners = 4 if kind == 1 else int(rng.integers(3, 7))
    around = np.arange(corners) * (2 * np.pi / corners) + (0 if kind == 1 else rng.uniform(-0.4, 0.4, corners))
    points = np.stack([np.cos(around), aspect * np.sin(around)], 1) * radius
    turn = np.deg2rad(angle)
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + place
    cv2.fillPoly(image, [(points * 16).astype(np.int32)], shade, cv2.LINE_AA, 4)


def _blades(rng: np.random.Generator, size: int) -> np.ndarray:
    """Grass, fur, straw, foliage, scratches: short strokes around one direction."""
    image = np.empty((size, size, 3), np.float32)
    image[:] = color(rng) * rng.uniform(0.3, 1)
    colors = palette(rng, 16, 40)
    count = int(rng.integers(600, 1800))
    angle = rng.normal(rng.uniform(0, np.pi), rng.choice([0.1, 0.4, 3.0]), count)
    length = rng.uniform(4, 40) * rng.uniform(0.5, 1.5, count)
    start = rng.uniform(-10, size + 10, (count, 2))
    stop = start + np.stack([np.cos(angle), np.sin(angle)], 1) * length[:, None]
    thick = 1 if rng.random() < 0.5 else int(rng.integers(1, 5))
    lines = np.stack([start, stop], 1)
    for shade in colors.tolist():
        chosen = lines[rng.integers(0, count, count // 16)]
        cv2.polylines(image, list((chosen * 16).astype(np.int32)), False, shade, thick, cv2.LINE_AA, 4)
    return image


def _cells(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stones: Voronoi cells with joints."""
    count = int(np.exp(rng.uniform(np.log(30), np.log(900))))
    seeds = np.full((size, size), 255, np.uint8)
    seeds[rng.integers(0, size, count), rng.integers(0, size, count)] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    warp = (rng.uniform(1, 5) * noise(rng, size, 1.6)).astype(np.float32)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    labels = cv2.remap(labels.astype(np.float32), x + warp, y + warp.T, cv2.INTER_NEAREST, borderMode=cv2.BORDER_WRAP)
    labels = labels.astype(np.int32)
    colors = palette(rng, 8, 30)[rng.integers(0, 8, labels.max() + 1)] + rng.normal(0, 10, (labels.max() + 1, 1))
    image = colors.astype(np.float32)[labels]
    if rng.random() < 0.7:
        edges = cv2.morphologyEx(labels.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        image[edges] = color(rng) * 0.7
    return cv2.GaussianBlur(image, (0, 0), 0.7) + rng.uniform(2, 14) * noise(rng, size, 0.9)[..., None]


def _bricks(rng: np.random.Generator, size: int) -> np.ndarray:
    rows = int(rng.integers(4, 32))
    tall = size / rows
    wide = tall * rng.choice([1.0, 1.0, 2.0, 3.0])
    image = np.empty((size, size, 3), np.float32)
    image[:] = color(rng)
    joint = tall * rng.uniform(0.03, 0.2)
    colors = palette(rng, 6, float(rng.choice([8.0, 25.0])))
    shift = rng.choice([0.0, 0.5])
    for row in range(rows):
        for column in range(-1, int(size / wide) + 1):
            left = (column + shift * (row % 2)) * wide
            shade = colors[rng.integers(6)] + rng.normal(0, 8)
            corners = np.array([left + joint, row * tall + joint, left + wide - joint, (row + 1) * tall - joint])
            x0, y0, x1, y1 = (corners * 16).astype(int).tolist()
            cv2.rectangle(image, (x0, y0), (x1, y1), shade.tolist(), -1, cv2.LINE_AA, 4)
    return image + rng.uniform(2, 14) * noise(rng, size, 1.0)[..., None]


def _stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stripes, checks and plaid with a random sequence of widths."""
    image = _band_sequence(rng, size)[None].repeat(size, 0)
    if rng.random() < 0.5:
        across = _band_sequence(rng, size)[:, None]
        image = image * across / 160 if rng.random() < 0.5 else 0.5 * (image + across)
    weave = rng.uniform(0, 8) * noise(rng, size, 0.3, float(np.exp(rng.normal(0, 1))))
    return (image + weave[..., None]).astype(np.float32)


def _band_sequence(rng: np.random.Generator, size: int) -> np.ndarray:
    colors = palette(rng, int(rng.integers(2, 6)), 60)
    widths = rng.uniform(2, 40, len(colors)) * rng.uniform(0.3, 1.5)
    ends = np.cumsum(widths)
    place = np.mod(np.arange(size * 4) / 4, ends[-1])
    line = colors[np.minimum(np.searchsorted(ends, place), len(colors) - 1)]
    return line.reshape(size, 4, 3).mean(1)


def _wallpaper(rng: np.random.Generator, size: int) -> np.ndarray:
    """A small motif that repeats: printed cloth, wallpaper, perforated metal."""
    period = int(rng.choice([16, 24, 32, 48, 64, 96]))
    tile = np.empty((period, period, 3), np.float32)
    tile[:] = color(rng) * 0.6 + 90
    colors = palette(rng, 5, 60)
    for _ in range(int(rng.integers(1, 12))):
        radius = period * rng.uniform(0.05, 0.35)
        place, shade = rng.uniform(0, period, 2), colors[rng.integers(5)]
        state, kind = int(rng.integers(2**31)), int(rng.integers(3))
        for dx in (-period, 0, period):
            for dy in (-period, 0, period):
                twin = np.random.default_rng(state)
                _stamp(tile, twin, place + np.array([dx, dy]), radius, twin.uniform(0.3, 1), kind, shade.tolist())
    repeats = -(-size // period)
    sheet = np.tile(tile, (repeats, repeats, 1))
    if rng.random() < 0.5:
        for row in range(1, repeats, 2):
            part = slice(row * period, (row + 1) * period)
            sheet[part] = np.roll(sheet[part], period // 2, axis=1)
    return sheet[:size, :size] + rng.uniform(1, 8) * noise(rng, size, 0.8)[..., None]


def _writing(rng: np.random.Generator, size: int) -> np.ndarray:
    """Lines of text on paper, signs or packages."""
    image = np.empty((size, size, 3), np.uint8)
    image[:] = (color(rng) * 0.5 + 120).astype(np.uint8)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHKLMNRSTUVWXYZ0123456789     "))
    y = 10.0
    while y < size + 20:
        scale = float(np.exp(rng.normal(-0.4, 0.6)))
        text = "".join(rng.choice(letters, int(rng.integers(5, 60))))
        ink = color(rng) * 0.5
        face, thick = int(rng.choice([0, 2, 3, 4])), int(rng.integers(1, 2 + int(scale * 2)))
        place = (int(rng.uniform(-10, size * 0.3)), int(y))
        cv2.putText(image, text, place, face, scale, ink.tolist(), thick, cv2.LINE_AA)
        y += 26 * scale + rng.uniform(2, 12)
    return image.astype(np.float32)


def _facade(rng: np.random.Generator, size: int) -> np.ndarray:
    """Rows of windows in a wall."""
    image = _plain(rng, size) if rng.random() < 0.6 else _bricks(rng, size)
    columns, rows = int(rng.integers(2, 7)), int(rng.integers(2, 7))
    wide, tall = size / columns, size / rows
    share = rng.uniform(0.25, 0.4, 2)
    frame, glass = color(rng) * 0.5 + 120, color(rng) * 0.35
    for row in range(rows):
        for column in range(columns):
            middle = np.array([(column + 0.5) * wide, (row + 0.5) * tall])
            half = share * [wide, tall]
            pane = glass * rng.uniform(0.5, 2.0)
            for grow, shade in ((1.15, frame), (1.0, pane)):
                (x0, y0), (x1, y1) = (middle - half * grow).astype(int), (middle + half * grow).astype(int)
                cv2.rectangle(image, (int(x0), int(y0)), (int(x1), int(y1)), shade.tolist(), -1)
            x, y = middle.astype(int).tolist()
            cv2.line(image, (x, int(y - half[1])), (x, int(y + half[1])), frame.tolist(), 2)
            cv2.line(image, (int(x - half[0]), y), (int(x + half[0]), y), frame.tolist(), 2)
    return image


# Each kind with its share of the procedural textures.
KINDS: dict[str, tuple[Painter, float]] = {
    "clouds": (_clouds, 11),
    "grain": (_grain, 13),
    "plain": (_plain, 7),
    "wood": (_wood, 6),
    "blotches": (_blotches, 7),
    "leaves": (_leaves, 14),
    "blades": (_blades, 12),
    "cells": (_cells, 7),
    "bricks": (_bricks, 6),
    "stripes": (_stripes, 6),
    "wallpaper": (_wallpaper, 9),
    "writing": (_writing, 5),
    "facade": (_facade, 3),
}
