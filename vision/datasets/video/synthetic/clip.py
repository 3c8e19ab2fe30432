"""Clips that are made from a seed: frames with the exact boxes and tracks of what moves in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision.datasets.scene import outline
from vision.datasets.scene.pool import TexturePool
from vision.datasets.video.synthetic.cast import Cast
from vision.datasets.video.synthetic.cutouts import Cutouts
from vision.datasets.video.synthetic.motion import Camera
from vision.datasets.video.synthetic.scenery import Backgrounds
from vision.datasets.video.synthetic.shapes import clutter
from vision.datasets.video.synthetic.shots import FAULTS, SEVERITY, Sensor, Shot, plan_shots
from vision.datasets.video.synthetic.stage import NOTHING, Objects, Stage, Veil

# An object of which a smaller share is seen is neither to be found nor wrong if it is found.
LEAST_VISIBLE = 0.15
_ATTEMPTS = 20


class Clip:
    """A clip of which every frame is made when it is first asked for, and the same whatever was asked for before.

    Args:
        stage: what it shows.
        shots: how each frame is taken.
        sensor: what the camera does to all of them.
        classes: names of the labels.
        seed: of the noise.
    """

    def __init__(
        self, stage: Stage, shots: Sequence[Shot], sensor: Sensor, classes: tuple[str, ...], seed: Sequence[int]
    ) -> None:
        self.stage, self.shots, self.sensor, self.classes = stage, tuple(shots), sensor, classes
        self._seed = tuple(seed)
        self._frames: dict[int, np.ndarray] = {}
        self._objects: dict[int, Objects] = {}

    def __len__(self) -> int:
        return len(self.shots)

    def frame(self, number: int) -> np.ndarray:
        """A frame, uint8 RGB `[H, W, 3]`; not to be written to."""
        if number not in self._frames:
            shot = self.shots[number]
            rng = np.random.default_rng([*self._seed, 1, number])
            self._frames[number] = self.sensor.record(rng, self.stage.expose(number, shot), shot)
        return self._frames[number]

    def objects(self, number: int) -> Objects:
        """What a frame shows at the middle of its exposure."""
        if number not in self._objects:
            self._objects[number] = self.stage.objects(number)
        return self._objects[number]

    def shows_what_is_cast(self) -> bool:
        """Whether any frame has an object to be found, or there is none in the clip."""
        if all(actor.label == NOTHING for actor in self.stage.actors):
            return True
        return any((self.objects(number).visibility >= LEAST_VISIBLE).any() for number in range(len(self)))

    def frames(self) -> np.ndarray:
        """All frames, uint8 RGB `[T, H, W, 3]`."""
        return np.stack([self.frame(number) for number in range(len(self))])

    def fault(self, number: int) -> str:
        """What a frame suffers from on purpose: one of `FAULTS`, or "" for none."""
        return self.shots[number].fault


class ClipMaker:
    """Makes clips; what it keeps are textures, cutouts and names of files, nothing that one clip leaves for another.

    Args:
        classes: labels of the objects: names of `shapes.SHAPES`, or "person" alone.
        size: height and width in pixels, at least 32.
        degraded: share of the frames that are degraded on purpose.
        faults: in which ways.
        objects: least and largest number of objects in a clip; None for what suits the classes.
        restless: 0 for a camera that stands still, 1 for one held in the hand; None for both kinds.
        cutouts: people cut out of photographs, to show beside those that are drawn.
        backgrounds: makes what is behind.
        severity: least and largest strength of the faults.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        size: tuple[int, int],
        backgrounds: Backgrounds,
        degraded: float = 0.25,
        faults: Sequence[str] = FAULTS,
        objects: tuple[int, int] | None = None,
        restless: float | None = None,
        cutouts: Cutouts | None = None,
        severity: tuple[float, float] = SEVERITY,
    ) -> None:
        self.classes = classes
        self.size = size
        self.backgrounds = backgrounds
        self.degraded = degraded
        self.faults = tuple(faults)
        self.severity = severity
        self.objects = objects or ((1, 9) if classes == ("person",) else (2, 5))
        self.restless = restless
        self.cutouts = cutouts

    @property
    def pool(self) -> TexturePool:
        """The textures of everything that is drawn."""
        return self.backgrounds.pool

    def make(self, seed: Sequence[int], length: int) -> Clip:
        """The clip of a seed; the same seed gives the same clip.

        Whoever is cast may stay beside the frame, or behind something, for as long as the clip lasts; another one is
        made then.
        """
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng([*seed, 2, attempt] if attempt else [*seed])
            stage, shots = self.prepare(rng, length)
            clip = Clip(stage, shots, Sensor(rng, self.size), self.classes, seed)
            if clip.shows_what_is_cast():
                break
        return clip

    def prepare(self, rng: np.random.Generator, length: int) -> tuple[Stage, list[Shot]]:
        """The stage of a clip, with all that moves on it, and how each frame is taken."""
        people = self.classes == ("person",)
        scenery = self.backgrounds.make(rng, self.size, people)
        restless = self.restless
        if restless is None:
            restless = 0.0 if rng.random() < 0.4 else float(rng.uniform(0.2, 1.0))
        camera = Camera(rng, self.size, scenery.image.shape[:2], length, restless)
        stage = Stage(self.size, scenery.image, camera)
        cast = Cast(rng, self.size, scenery, self.pool, length)
        count = int(rng.integers(self.objects[0], self.objects[1] + 1))
        if people:
            stage.actors += cast.people(count, self.cutouts)
        else:
            stage.actors += cast.shapes(count, self.classes)
        stage.actors += cast.clutter(people)
        shots = plan_shots(rng, length, self.size, self.degraded, self.faults, self.severity)
        stage.actors += self._veils(rng, shots)
        return stage, shots

    def _veils(self, rng: np.random.Generator, shots: list[Shot]) -> list[Veil]:
        """What passes before the lens while frames are degraded by it."""
        veils = []
        hidden = [n for n, shot in enumerate(shots) if shot.fault == "occlusion"]
        runs = [hidden[i : j + 1] for i in range(len(hidden)) for j in range(i, len(hidden)) if _is_run(hidden, i, j)]
        for run in runs:
            shape = outline.blob(rng) if rng.random() < 0.5 else outline.foliage(rng)
            texture = self.pool.material(rng).texture.levels[1]
            sprite = clutter(rng, shape, texture, anchor_low=False, soft=rng.uniform(1, 5))
            share = float(rng.uniform(0.9, 1.5))
            leftward = bool(rng.random() < 0.5)
            veils.append(
                Veil(sprite, self.size, run[0] - 1.0, run[-1] + 1.0, share, float(rng.uniform(0.3, 0.7)), leftward)
            )
        return veils


def _is_run(numbers: list[int], first: int, last: int) -> bool:
    """Whether frames first..last of a list follow each other, and no longer run holds them."""
    joined = numbers[last] - numbers[first] == last - first
    before = first == 0 or numbers[first - 1] != numbers[first] - 1
    after = last + 1 == len(numbers) or numbers[last + 1] != numbers[last] + 1
    return joined and before and after
