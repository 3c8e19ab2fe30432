"""Who and what appears in a clip: people alone and in groups, shapes, and things of no class that hide them."""

from __future__ import annotations

import math

import numpy as np

from vision.datasets.scene import outline
from vision.datasets.scene.pool import TexturePool
from vision.datasets.video.synthetic.cutouts import Cutouts
from vision.datasets.video.synthetic.motion import Walk, floating
from vision.datasets.video.synthetic.person import Person
from vision.datasets.video.synthetic.scenery import Scenery, muted
from vision.datasets.video.synthetic.shapes import clutter, paint_shape
from vision.datasets.video.synthetic.stage import Actor, Fixture, Floater, Walker

_THINGS = (outline.fence, outline.plant, outline.tree, outline.foliage, outline.blob, outline.lattice)


class Cast:
    """Finds the actors of one clip.

    Args:
        rng: random numbers of the clip.
        size: height and width of its frames.
        scenery: where it takes place.
        pool: textures.
        length: number of frames.
    """

    def __init__(
        self, rng: np.random.Generator, size: tuple[int, int], scenery: Scenery, pool: TexturePool, length: int
    ) -> None:
        self.rng, self.size, self.pool, self.length = rng, size, pool, length
        self.field = scenery.image.shape[:2]
        self.ground = scenery.ground
        self.light = float(rng.uniform(-1, 1))

    def shapes(self, count: int, classes: tuple[str, ...]) -> list[Actor]:
        """Objects of random classes, each with a hue of its own."""
        rng = self.rng
        start = rng.random()
        actors: list[Actor] = []
        speed = float(rng.uniform(0.4, 1.6))
        for number in range(count):
            label = int(rng.integers(len(classes)))
            sprite = paint_shape(rng, classes[label], (start + number / count) % 1.0)
            share = math.exp(rng.uniform(math.log(0.2), math.log(0.42)))
            way = floating(rng, self.size, self.field, share, speed)
            actors.append(Floater(sprite, way, label, rank=float(rng.random())))
        return actors

    def people(self, count: int, cutouts: Cutouts | None) -> list[Actor]:
        """People who walk or stand, every third in a group that keeps together."""
        rng = self.rng
        actors: list[Actor] = []
        pace, heading, place = 0.0, 0.0, (0.0, 0.0)
        for number in range(count):
            if number and rng.random() < 0.35:
                # Beside the one before, at the same pace.
                tall = self.ground.height(place[1])
                place = (place[0] + rng.normal(0, 0.35) * tall, place[1] + rng.normal(0, 0.06) * tall)
            else:
                # The first is in the frame when the clip begins.
                place = self._place() if number else self._place(-0.25)
                pace = 0.0 if rng.random() < 0.25 else float(rng.uniform(0.015, 0.045))
                sideways = rng.random() < 0.6
                heading = float(
                    rng.choice([0, math.pi]) + rng.normal(0, 0.3) if sideways else rng.uniform(0, 2 * math.pi)
                )
            actors.append(self._person(place, pace, heading, cutouts))
        return actors

    def clutter(self, people: bool) -> list[Actor]:
        """Things that stand about, before and behind the objects."""
        rng = self.rng
        actors: list[Actor] = []
        for _ in range(int(rng.integers(0, 5 if people else 4))):
            shape = _THINGS[rng.integers(len(_THINGS))](rng) if rng.random() < 0.7 else _pole()
            texture = self.pool.material(rng).texture.levels[0]
            if people:
                texture = muted(rng, texture)
            sprite = clutter(rng, shape, texture, anchor_low=True)
            if people:
                x, y = self._place()
                tall = self.ground.height(y) * rng.uniform(0.3, 1.3)
                actors.append(Fixture(sprite, (x, y), tall))
            else:
                x = rng.uniform(0, self.field[1])
                tall = self.size[0] * rng.uniform(0.3, 0.9)
                y = float(rng.uniform(0.5, 1.0)) * self.field[0]
                # Half of them behind everything, half in front.
                actors.append(Fixture(sprite, (x, y), tall, front=self.field[0] * (1 if rng.random() < 0.5 else -9)))
        return actors

    def _place(self, margin: float = 0.1) -> tuple[float, float]:
        """A place to stand: column and row of the feet, so that the height is one that a frame can show.

        `margin` is how far it may be beside the frame, in widths of the frame.
        """
        rng = self.rng
        width = self.size[1]
        top, bottom = self._rows()
        # As many small ones as large ones, on a logarithmic scale of height.
        low, high = self.ground.height(top), self.ground.height(bottom)
        tall = math.exp(rng.uniform(math.log(low), math.log(high)))
        x = (self.field[1] - width) / 2 + rng.uniform(-margin, 1 + margin) * width
        return float(x), self.ground.foot(tall)

    def _rows(self) -> tuple[float, float]:
        """The highest and the lowest row for feet."""
        height = self.size[0]
        first = (self.field[0] - height) / 2
        least = max(0.07 * height, 14.0)
        top = max(self.ground.foot(least), first + 0.08 * height)
        # Feet below the frame: people that its edge cuts.
        bottom = max(min(first + 1.2 * height, self.ground.foot(1.2 * height)), top + 2.0)
        return top, bottom

    def _person(self, place: tuple[float, float], pace: float, heading: float, cutouts: Cutouts | None) -> Actor:
        rng = self.rng
        stature = float(np.clip(rng.normal(1.0, 0.07), 0.6, 1.2))
        if rng.random() < 0.06:
            stature *= 0.65  # a child
        top, bottom = self._rows()
        tall = self.ground.height(place[1])
        left, right = (self.field[1] - self.size[1]) / 2, (self.field[1] + self.size[1]) / 2
        margin = rng.uniform(0.0, 1.0) * tall
        stage = (left - margin, top, right + margin, bottom)
        way = Walk(rng, self.ground, place, stage, self.length, pace, heading, stature)
        if cutouts is not None and rng.random() < cutouts.share:
            return Walker(cutouts.pick(rng), way, 0, pace > 0)
        largest = max(float(way.at(time)[2]) for time in range(self.length)) * 1.2
        detail = next((d for d in (48, 80, 128, 192) if d >= largest), 256)
        person = Person(rng, self.pool, detail, self.ground.tilt(place[1]), self.light)
        return Walker(person, way, 0, pace > 0)


def _pole() -> outline.Shape:
    return [[outline.box(-0.06, -1, 0.06, 1)]]
