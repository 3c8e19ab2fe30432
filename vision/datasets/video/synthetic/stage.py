"""What a clip shows: actors before a background, seen by a moving camera, with exact outlines at any moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from vision.datasets.video.synthetic.motion import Camera, Drift, Walk
from vision.datasets.video.synthetic.shots import Shot
from vision.datasets.video.synthetic.sprite import Sprite, Stamp, inside, lay_over

NOTHING = -1


class Figure(Protocol):
    """A person, drawn or cut out."""

    def sprite(self, heading: float, phase: float, walks: bool = True) -> Sprite:
        """The person who goes in a direction (0 right, pi / 2 away) at a phase of the stride, in radians."""


class Actor(Protocol):
    """Something in a clip."""

    label: int  # its class, or NOTHING

    def nearness(self, time: float) -> float:
        """What is nearer hides what is farther."""

    def stamp(self, time: float, view: np.ndarray, clip: tuple[int, int] | None) -> Stamp | None:
        """How it falls on a frame under a view `[2, 3]` of the background; `clip` is the frame's size."""


@dataclass
class Floater:
    """A sprite that floats through the picture."""

    sprite: Sprite
    way: Drift
    label: int
    rank: float = 0.0

    def nearness(self, time: float) -> float:
        """A rank of its own: nothing says how far away it is."""
        return self.rank

    def stamp(self, time: float, view: np.ndarray, clip: tuple[int, int] | None) -> Stamp | None:
        """See `Actor`."""
        x, y, size, angle = self.way.at(time).tolist()
        return self.sprite.stamp(view @ _similar(x, y, math.exp(size), angle), clip)


@dataclass
class Fixture:
    """A thing that stands where it is, of no class."""

    sprite: Sprite
    place: tuple[float, float]
    height: float
    label: int = NOTHING
    front: float = 0.0

    def nearness(self, time: float) -> float:
        """The lower its foot, the nearer it is."""
        return self.place[1] + self.front

    def stamp(self, time: float, view: np.ndarray, clip: tuple[int, int] | None) -> Stamp | None:
        """See `Actor`."""
        return self.sprite.stamp(view @ _similar(*self.place, self.height, 0.0), clip)


@dataclass
class Walker:
    """A person on a walk."""

    person: Figure
    way: Walk
    label: int
    walks: bool = True

    def nearness(self, time: float) -> float:
        """The lower the feet, the nearer the person is."""
        return float(self.way.at(time)[1])

    def stamp(self, time: float, view: np.ndarray, clip: tuple[int, int] | None) -> Stamp | None:
        """See `Actor`."""
        x, y, tall, heading, phase = self.way.at(time).tolist()
        return self.person.sprite(heading, phase, self.walks).stamp(view @ _similar(x, y, tall, 0.0), clip)


@dataclass
class Veil:
    """Something close to the lens that passes through the frame, whatever the camera does."""

    sprite: Sprite
    size: tuple[int, int]
    start: float
    stop: float
    share: float
    height: float
    leftward: bool
    label: int = NOTHING

    def nearness(self, time: float) -> float:
        """Before everything."""
        return math.inf

    def stamp(self, time: float, view: np.ndarray, clip: tuple[int, int] | None) -> Stamp | None:
        """See `Actor`."""
        if not self.start <= time <= self.stop:
            return None
        height, width = self.size
        part = (time - self.start) / max(self.stop - self.start, 1e-6)
        reach = 0.3 * self.share * height
        x = -reach + part * (width + 2 * reach)
        x = width - x if self.leftward else x
        return self.sprite.stamp(_similar(x, self.height * height, self.share * height, 0.0)[:2], clip)


class Objects(NamedTuple):
    """What a frame shows, in order of the track ids.

    Boxes are left, top, right, bottom in pixels, edges of pixels being whole numbers.
    """

    boxes: np.ndarray  # float32 [N, 4], of the pixels that are seen
    amodal: np.ndarray  # float32 [N, 4], of all of the object, also beyond the frame
    track_ids: np.ndarray  # int64 [N]
    labels: np.ndarray  # int64 [N]
    visibility: np.ndarray  # float32 [N], share of the object's pixels that are seen


@dataclass
class Stage:
    """A background, a camera and actors; an actor's number in the list is its track id."""

    size: tuple[int, int]
    background: np.ndarray
    camera: Camera
    actors: list[Actor] = field(default_factory=list)

    def draw(self, time: float, jerk: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """The picture uint8 `[H, W, 3]` at a moment; `jerk` moves it by pixels."""
        view = self._view(time, jerk)
        height, width = self.size
        image = cv2.warpAffine(
            self.background, view, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        for number in self._order(time):
            stamp = self.actors[number].stamp(time, view, self.size)
            if stamp is not None:
                lay_over(image, stamp)
        return image

    def owners(self, time: float) -> np.ndarray:
        """The number of the actor that is in front at every pixel, -1 for the background, int16 `[H, W]`."""
        return self._trace(time)[0]

    def objects(self, time: float) -> Objects:
        """The objects of which at least a pixel is seen."""
        owner, amodal, counts = self._trace(time)
        seen = np.bincount(owner[owner >= 0].ravel(), minlength=len(self.actors))
        found = [n for n, actor in enumerate(self.actors) if actor.label != NOTHING and seen[n]]
        boxes = [_box_of((owner == n).view(np.uint8)) for n in found]
        return Objects(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array([amodal[n] for n in found], np.float32).reshape(-1, 4),
            np.array(found, np.int64),
            np.array([self.actors[n].label for n in found], np.int64),
            np.array([seen[n] / counts[n] for n in found], np.float32),
        )

    def expose(self, time: float, shot: Shot) -> np.ndarray:
        """The light float32 `[H, W, 3]` that falls on the sensor during an exposure around a time."""
        count = self._moments(time, shot)
        if count == 1:
            return self.draw(time).astype(np.float32)
        total = np.zeros((*self.size, 3), np.float32)
        for part in (np.arange(count) + 0.5) / count - 0.5:
            moment = self.draw(time + part * shot.exposure, (shot.jerk[0] * part, shot.jerk[1] * part))
            cv2.accumulate(moment, total)
        return total / np.float32(count)

    def _moments(self, time: float, shot: Shot) -> int:
        """How many moments make up an exposure: enough for steps of less than two pixels."""
        first, last = (self._marks(time + sign * shot.exposure / 2, shot.jerk, sign / 2) for sign in (-1, 1))
        far = max((float(np.abs(last[n] - first[n]).max()) for n in first.keys() & last.keys()), default=0.0)
        return int(np.clip(math.ceil(far / 1.7), 1, 16))

    def _marks(self, time: float, jerk: tuple[float, float], part: float) -> dict[int, np.ndarray]:
        """Points whose way tells how far things move: where the frame's corners and the actors are."""
        view = self._view(time, (jerk[0] * part, jerk[1] * part))
        height, width = self.background.shape[:2]
        marks = {-1: view @ np.array([[0.3 * width, 0.7 * width], [0.3 * height, 0.7 * height], [1, 1]])}
        for number, actor in enumerate(self.actors):
            if isinstance(actor, (Floater, Walker)):
                x, y = actor.way.at(time)[:2]
                marks[number] = view @ np.array([x, y, 1])
        return marks

    def _view(self, time: float, jerk: tuple[float, float]) -> np.ndarray:
        view = self.camera.view(time)
        view[:, 2] += jerk
        return view

    def _order(self, time: float) -> list[int]:
        return sorted(range(len(self.actors)), key=lambda n: self.actors[n].nearness(time))

    def _trace(self, time: float) -> tuple[np.ndarray, dict[int, tuple[float, ...]], dict[int, int]]:
        """Owners of the pixels, and of each object its box and number of pixels as if nothing hid it."""
        view = self._view(time, (0.0, 0.0))
        owner = np.full(self.size, -1, np.int16)
        amodal: dict[int, tuple[float, ...]] = {}
        counts: dict[int, int] = {}
        for number in self._order(time):
            actor = self.actors[number]
            stamp = actor.stamp(time, view, self.size if actor.label == NOTHING else None)
            if stamp is None:
                continue
            mask = (stamp.rgba[..., 3] >= 128).view(np.uint8)
            counts[number] = cv2.countNonZero(mask)
            if not counts[number]:
                continue
            left, top, right, bottom = _box_of(mask)
            amodal[number] = (left + stamp.left, top + stamp.top, right + stamp.left, bottom + stamp.top)
            found = inside(stamp, self.size)
            if found is not None:
                owner[found[0]][mask[found[1]].view(bool)] = number
        return owner, amodal, counts


def _box_of(mask: np.ndarray) -> tuple[float, float, float, float]:
    x, y, width, height = cv2.boundingRect(mask)
    return float(x), float(y), float(x + width), float(y + height)


def _similar(x: float, y: float, size: float, angle: float) -> np.ndarray:
    """`[3, 3]`: turn, scale, then move to (x, y)."""
    cos, sin = size * math.cos(angle), size * math.sin(angle)
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])
