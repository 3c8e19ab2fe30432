"""Outlines of flat shapes: lists of parts, each a list of contours `[N, 2]` in the square -1..1.

The parts of a shape unite; within a part a contour inside another one is a hole.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Shape = list[list[np.ndarray]]


def regroup(points: np.ndarray, shape: Shape) -> Shape:
    """Cut points `[N, ...]` into parts and contours as long as those of a shape."""
    if len(shape) == 1 and len(shape[0]) == 1:
        return [[points]]
    parts, start = [], 0
    for part in shape:
        contours = []
        for contour in part:
            contours.append(points[start : start + len(contour)])
            start += len(contour)
        parts.append(contours)
    return parts


def rectangle(rng: np.random.Generator | None = None) -> Shape:
    """The whole square."""
    return [[box(-1, -1, 1, 1)]]


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The contour of an upright rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def ellipse(rng: np.random.Generator | None = None, count: int = 40) -> Shape:
    """The circle that touches the square."""
    angle = np.arange(count) * (2 * math.pi / count)
    return [[np.stack([np.cos(angle), np.sin(angle)], 1)]]


def polygon(rng: np.random.Generator) -> Shape:
    """A polygon of 3 to 8 corners, seldom convex."""
    count = int(rng.integers(3, 9))
    angle = (np.arange(count) + rng.uniform(-0.35, 0.35, count)) * (2 * math.pi / count)
    radius = rng.uniform(0.5, 1.0, count)
    return [[np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]]]


def blob(rng: np.random.Generator, count: int = 72, roughness: float | None = None) -> Shape:
    """A smooth or ragged round shape: a Fourier series of the radius."""
    angle = np.arange(count) * (2 * math.pi / count)
    decay = rng.uniform(1.0, 2.2) if roughness is None else 2.0 - roughness
    orders = np.arange(2, 16)
    weight = rng.normal(size=(2, len(orders))) * orders**-decay * 0.7
    waves = angle[:, None] * orders
    radius = 1 + np.cos(waves) @ weight[0] + np.sin(waves) @ weight[1]
    radius = np.clip(radius, 0.25, None)
    points = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
    return [[points / np.abs(points).max()]]


def foliage(rng: np.random.Generator, count: int = 28) -> Shape:
    """A crown or bush: many frayed clumps that unite, with gaps that let the background through."""
    clumps = int(rng.integers(4, 15))
    angle = np.arange(count) * (2 * math.pi / count)
    around = np.stack([np.cos(angle), np.sin(angle)], 1)
    radius = rng.uniform(0.15, 0.5, (clumps, 1, 1))
    middle = rng.normal(0, 0.45, (clumps, 1, 2)).clip(-0.8, 0.8) * (1.0 - radius)
    frayed = around * radius * rng.uniform(0.7, 1.2, (clumps, count, 1)) + middle
    return [[clump] for clump in frayed / np.abs(frayed).max()]


def star(rng: np.random.Generator) -> Shape:
    """A star, gear or flower of 4 to 12 points."""
    points = 2 * int(rng.integers(4, 13))
    angle = np.arange(points) * (2 * math.pi / points)
    radius = np.where(np.arange(points) % 2, rng.uniform(0.3, 0.8), 1.0)
    return [[np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]]]


def ring(rng: np.random.Generator) -> Shape:
    """A round or rectangular frame with one hole."""
    outer = ellipse()[0][0] if rng.random() < 0.5 else box(-1, -1, 1, 1)
    return [[outer, outer * rng.uniform(0.5, 0.9)]]


def lattice(rng: np.random.Generator) -> Shape:
    """A board with a grid of holes: a window, a basket, a grating, a trellis."""
    columns, rows = (int(n) for n in rng.integers(2, 10, 2))
    bar = rng.uniform(0.1, 0.5)
    x, y = np.linspace(-1, 1, columns + 1), np.linspace(-1, 1, rows + 1)
    dx, dy = bar / columns, bar / rows
    holes = [box(x[i] + dx, y[j] + dy, x[i + 1] - dx, y[j + 1] - dy) for i in range(columns) for j in range(rows)]
    if rng.random() < 0.3:
        turn = np.array([[1, 0.0], [rng.uniform(-0.6, 0.6), 1]])
        return [[contour @ turn for contour in [box(-1, -1, 1, 1), *holes]]]
    return [[box(-1, -1, 1, 1), *holes]]


def fence(rng: np.random.Generator) -> Shape:
    """Parallel bars, mostly with rails across."""
    count = int(rng.integers(3, 16))
    width = rng.uniform(0.15, 0.7) / count
    centers = np.linspace(-1 + width, 1 - width, count)
    parts = [[box(x - width, -1, x + width, 1)] for x in centers]
    if rng.random() < 0.8:
        thick = rng.uniform(0.02, 0.08)
        parts += [[box(-1, y - thick, 1, y + thick)] for y in (rng.uniform(-0.9, -0.3), rng.uniform(0.3, 0.9))]
    return parts


def stroke(path: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The contour of a brush stroke along a path `[N, 2]` with half widths `[N]`."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], 1) * widths[:, None]
    return np.concatenate([path + across, (path - across)[::-1]])


def leaf(rng: np.random.Generator, bend: float = 0.5) -> Shape:
    """One bent leaf or blade from (0, 1) upward."""
    s = np.linspace(0, 1, 14)
    turn = rng.uniform(-bend, bend)
    path = np.stack([turn * s**2, 1 - 2 * s], 1)
    width = rng.uniform(0.06, 0.35) * np.sin(math.pi * s ** rng.uniform(0.5, 1.0)) + 0.004
    return [[stroke(path, width)]]


def plant(rng: np.random.Generator) -> Shape:
    """Leaves or blades that fan out from a foot at (0, 1)."""
    parts = []
    s = np.linspace(0, 1, 12)
    slim = rng.uniform(0.02, 0.12)
    for angle in np.sort(rng.uniform(-1.5, 1.5, int(rng.integers(4, 14)))):
        length = rng.uniform(0.6, 1.9)
        path = np.stack([np.sin(angle) * s, -np.cos(angle) * s + rng.uniform(0, 0.6) * abs(angle) * s**2], 1) * length
        path[:, 1] += 1
        parts.append([stroke(path, slim * (1 - s) ** 0.7 + 0.004)])
    return parts


def tree(rng: np.random.Generator) -> Shape:
    """A bare trunk from (0, 1) with branches."""
    parts: Shape = []

    def grow(foot: np.ndarray, angle: float, length: float, width: float, depth: int) -> None:
        s = np.linspace(0, 1, 6)
        bend = angle + rng.normal(0, 0.25) * s
        steps = np.stack([np.sin(bend), -np.cos(bend)], 1) * (length / 5)
        path = foot + np.concatenate([np.zeros((1, 2)), np.cumsum(steps[:-1], 0)])
        parts.append([stroke(path, width * (1 - 0.4 * s))])
        if depth:
            for _ in range(int(rng.integers(2, 4))):
                start = path[int(rng.integers(2, 6))]
                grow(start, angle + rng.normal(0, 0.6), length * rng.uniform(0.5, 0.8), width * 0.55, depth - 1)

    grow(np.array([0.0, 1.0]), rng.normal(0, 0.1), rng.uniform(0.7, 1.2), rng.uniform(0.02, 0.08), 3)
    return parts


def wire(rng: np.random.Generator) -> Shape:
    """One or a few thin curved lines across the square."""
    parts = []
    s = np.linspace(-1, 1, 20)
    width = np.full(20, rng.uniform(0.004, 0.02))
    for _ in range(int(rng.integers(1, 5))):
        sag = rng.uniform(-0.5, 0.5)
        parts.append([stroke(np.stack([s, sag * s**2 + rng.uniform(-0.8, 0.8) + rng.normal(0, 0.2) * s], 1), width)])
    return parts


def person(rng: np.random.Generator) -> Shape:
    """A standing figure: head, body, arms and legs."""
    round_ = ellipse()[0][0]
    wide = rng.uniform(0.18, 0.32)
    body = blob(rng, 48)[0][0] * [wide, 0.42] + [0, -0.25]
    parts = [[body], [round_ * [0.13, 0.15] + [rng.normal(0, 0.03), -0.82]]]
    for side in (-1, 1):
        step, swing = rng.uniform(0, 0.25) * side, rng.uniform(0.05, 0.35) * side
        hip, knee = np.array([0.1 * side, 0.05]), np.array([0.1 * side + step * 0.6, 0.5])
        leg = np.stack([hip, knee, [0.1 * side + step, 1.0]])
        arm = np.stack([[wide * 0.8 * side, -0.55], [wide * side + swing * 0.5, -0.2], [wide * side + swing, 0.1]])
        parts += [[stroke(leg, np.array([0.12, 0.1, 0.07]))], [stroke(arm, np.array([0.08, 0.07, 0.05]))]]
    return parts


SOLID: list[Callable[[np.random.Generator], Shape]] = [rectangle, rectangle, ellipse, polygon, blob, blob, star, ring]
THIN: list[Callable[[np.random.Generator], Shape]] = [lattice, fence, plant, tree, wire, leaf, fence]
