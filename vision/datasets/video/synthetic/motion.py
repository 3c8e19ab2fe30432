"""How things move, as functions of time in frames, so that any moment between two frames can be asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Drift:
    """Start, constant velocity and waves, each `[D]` or, for the waves, `[K, D]`."""

    start: np.ndarray
    velocity: np.ndarray
    amplitude: np.ndarray
    period: np.ndarray
    phase: np.ndarray

    def at(self, time: float) -> np.ndarray:
        """The values `[D]` at a time."""
        wave = self.amplitude * np.sin(2 * math.pi * time / self.period + self.phase)
        return self.start + self.velocity * time + wave.sum(0)


class Camera:
    """A camera that pans, zooms and trembles over a background.

    Args:
        rng: random numbers.
        size: height and width of the frames.
        field: height and width of the background.
        length: number of frames.
        restless: 0 for a camera that stands still, 1 for one as people hold it.
    """

    def __init__(
        self, rng: np.random.Generator, size: tuple[int, int], field: tuple[int, int], length: int, restless: float
    ) -> None:
        height, width = size
        self.size = size
        self.zoom = float(rng.uniform(0.0, 0.25)) if restless else 0.0
        room = (np.array(field[::-1]) - np.array([width, height])) / 2
        self.room = np.maximum(room, 0)
        slow, quick = rng.uniform(40, 160, 4), rng.uniform(4, 14, 4)
        pan = np.array([0.5, 0.3, 0.04, 0.015]) * rng.uniform(0, 1, 4) * restless
        shake = np.array([0.003, 0.003, 0.001, 0.002]) * rng.exponential(1, 4) * restless
        reach = np.array([room[0], room[1], 1, 1])
        tremble = np.array([width, width, 1, 1])
        self._drift = Drift(
            start=rng.normal(0, [0.3, 0.2, 0.05, 0.02]) * reach * min(restless, 1),
            velocity=rng.normal(0, [0.4, 0.15, 0.0, 0.0]) * reach * restless / max(length, 24),
            amplitude=np.stack([pan * reach, shake * tremble]),
            period=np.stack([slow, quick]),
            phase=rng.uniform(0, 2 * math.pi, (2, 4)),
        )
        self.field = field

    def view(self, time: float) -> np.ndarray:
        """`[2, 3]` from pixels of the background to pixels of the frame."""
        x, y, zoom, roll = self._drift.at(time).tolist()
        height, width = self.size
        x, y = (float(np.clip(value, -room, room)) for value, room in zip((x, y), self.room, strict=True))
        scale = math.exp(max(zoom, 0.0) + self.zoom * 0.3)
        cos, sin = scale * math.cos(roll), scale * math.sin(roll)
        middle_x, middle_y = (self.field[1] - 1) / 2 + x, (self.field[0] - 1) / 2 + y
        return np.array(
            [
                [cos, -sin, (width - 1) / 2 - cos * middle_x + sin * middle_y],
                [sin, cos, (height - 1) / 2 - sin * middle_x - cos * middle_y],
            ]
        )


def floating(
    rng: np.random.Generator, size: tuple[int, int], field: tuple[int, int], share: float, speed: float
) -> Drift:
    """The way of something that floats through the picture: x and y in pixels, logarithm of its size, angle.

    Args:
        rng: random numbers.
        size: height and width of the frames, in whose middle it mostly is.
        field: height and width of the background.
        share: its size, in parts of the frame's height.
        speed: 1 as usual.
    """
    height, width = size
    middle = (np.array(field[::-1]) - 1) / 2
    start = np.array([*(middle + rng.uniform(-0.42, 0.42, 2) * [width, height]), math.log(share * height), 0])
    start[3] = rng.uniform(-math.pi, math.pi)
    # One in three swings so wide that it leaves the frame and comes back.
    wide = np.array([rng.uniform(0.6, 1.0), 0.15]) if rng.random() < 0.33 else rng.uniform(0.05, 0.3, 2)
    amplitude = np.array([wide[0] * width, wide[1] * height, rng.uniform(0, 0.3), rng.uniform(0, 1.2)])
    return Drift(
        start=start,
        velocity=rng.normal(0, [0.004 * width, 0.003 * height, 0, 0.03]) * speed,
        amplitude=amplitude[None],
        period=rng.uniform(24, 80, (1, 4)) / max(speed, 1e-3),
        phase=rng.uniform(0, 2 * math.pi, (1, 4)),
    )


@dataclass(frozen=True)
class Ground:
    """A plane on which people stand, seen by a camera: how tall they are by where their feet are.

    Args:
        horizon: row of the horizon in pixels of the background; may lie above the picture.
        slope: pixels of a person's height for each pixel that the feet are below the horizon.
        focal: focal length in pixels.
    """

    horizon: float
    slope: float
    focal: float

    def height(self, foot: float) -> float:
        """Height of a person in pixels."""
        return max(self.slope * (foot - self.horizon), 1.0)

    def foot(self, height: float) -> float:
        """Row of the feet of a person of this height in pixels."""
        return self.horizon + height / self.slope

    def tilt(self, foot: float) -> float:
        """How steeply the camera looks down at a place, in radians."""
        return float(np.clip(math.atan2(foot - self.horizon, self.focal), 0.0, 1.1))


class Walk:
    """A walk over the ground: feet, height, heading and phase of the stride at any time.

    Who comes to an end of the stage turns round. Heading 0 is to the right, pi / 2 away from us.

    Args:
        rng: random numbers.
        ground: where it goes.
        place: row and column of the feet in the first frame.
        stage: left, top, right and bottom that the feet keep to.
        length: number of frames.
        pace: statures for each frame, 0 for one who stands.
        heading: direction at the beginning.
        stature: height over the usual.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        ground: Ground,
        place: tuple[float, float],
        stage: tuple[float, float, float, float],
        length: int,
        pace: float,
        heading: float,
        stature: float = 1.0,
    ) -> None:
        steps = length + 3
        turns = np.cumsum(rng.normal(0, 0.03, steps))
        self._phase0 = float(rng.uniform(0, 2 * math.pi))
        x, y = place
        rows = np.empty((steps, 5))
        goal = heading
        for step in range(steps):
            tall = ground.height(y) * stature
            rows[step] = x, y, tall, heading, self._phase0 + 2 * math.pi * pace / 0.85 * step
            goal = self._goal(goal, (x, y), stage)
            turn = (goal + turns[step] - heading + math.pi) % (2 * math.pi) - math.pi
            heading += float(np.clip(turn, -0.35, 0.35)) if pace else 0.0
            x += math.cos(heading) * pace * tall
            y -= math.sin(heading) * pace * tall * math.sin(ground.tilt(y))
        self._rows = rows

    @staticmethod
    def _goal(goal: float, place: tuple[float, float], stage: tuple[float, float, float, float]) -> float:
        """The direction to take: back into the stage, from where it ends."""
        (x, y), (left, top, right, bottom) = place, stage
        ahead, away = math.cos(goal), math.sin(goal)
        if (x < left and ahead < 0) or (x > right and ahead > 0):
            ahead = -ahead
        if (y < top and away > 0) or (y > bottom and away < 0):
            away = -away
        return math.atan2(away, ahead)

    def at(self, time: float) -> np.ndarray:
        """x and y of the feet, height in pixels, heading, phase of the stride."""
        place = min(max(time + 1, 0.0), len(self._rows) - 1.001)
        low = int(place)
        return self._rows[low] + (self._rows[low + 1] - self._rows[low]) * (place - low)
