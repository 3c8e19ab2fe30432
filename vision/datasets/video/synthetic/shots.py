"""How the camera takes each frame: exposure, focus, noise; and the runs of frames that are degraded on purpose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vision.pixels import CHROMA, jpeg

FAULTS = ("motion", "defocus", "noise", "occlusion")
# Strength of faults, least and largest.
SEVERITY = (0.6, 1.0)


@dataclass(frozen=True)
class Shot:
    """One frame's conditions.

    Args:
        exposure: for how much of the time between two frames the shutter is open.
        jerk: by how many pixels (x, y) the camera jerks meanwhile.
        defocus: deviation of the blur, in pixels.
        noise: deviation of the noise at mid-gray.
        gain: brightness, per channel.
        fault: one of `FAULTS`, or "" for a frame that is as it should be.
    """

    exposure: float
    jerk: tuple[float, float]
    defocus: float
    noise: float
    gain: tuple[float, float, float]
    fault: str = ""


def plan_shots(
    rng: np.random.Generator,
    length: int,
    size: tuple[int, int],
    degraded: float,
    faults: Sequence[str],
    severity: tuple[float, float] = SEVERITY,
) -> list[Shot]:
    """The shots of a clip, of which `degraded` of all, rounded, are degraded, in runs of 2 to 6 frames.

    The first frame is as it should be unless all are degraded: a stream begins with something to remember.
    """
    exposure = rng.uniform(0.05, 0.5)
    noise = float(rng.choice([0.5, 2.0, 5.0], p=[0.4, 0.4, 0.2]) * rng.uniform(0.5, 1.5))
    gain = rng.normal(0, 0.1) + rng.normal(0, 0.03, 3)
    flicker, period, start = abs(rng.normal(0, 0.06)), rng.uniform(20, 120), rng.uniform(0, 6)
    focus = float(rng.uniform(0.0, 0.6)) * size[0] / 240
    shots = []
    for frame in range(length):
        light = np.exp(gain + flicker * math.sin(2 * math.pi * frame / period + start))
        shots.append(Shot(exposure, (0.0, 0.0), focus, noise, (float(light[0]), float(light[1]), float(light[2]))))
    for run, fault in _runs(rng, length, degraded, faults):
        strength = rng.uniform(*severity)
        for frame in run:
            shots[frame] = _spoil(rng, shots[frame], fault, strength, size)
    return shots


def _runs(rng: np.random.Generator, length: int, degraded: float, faults: Sequence[str]) -> list[tuple[list[int], str]]:
    """Runs of degraded frames with their fault."""
    wanted = round(degraded * length)
    free = list(range(length)) if wanted >= length else list(range(1, length))
    runs = []
    while wanted:
        count = min(int(rng.integers(2, 7)), wanted)
        first = int(rng.integers(len(free)))
        # What is taken already is skipped over: a run may go on behind another one.
        run = [free[(first + k) % len(free)] for k in range(count)]
        free = [frame for frame in free if frame not in run]
        runs.append((run, str(rng.choice(list(faults)))))
        wanted -= count
    return runs


def _spoil(rng: np.random.Generator, shot: Shot, fault: str, strength: float, size: tuple[int, int]) -> Shot:
    """A shot with a fault of that strength: at 1 a jerk of 13 % of the height, or a blur of 3.3 %."""
    height = size[0]
    strength *= rng.uniform(0.8, 1.0)
    if fault == "motion":
        angle, far = rng.uniform(0, 2 * math.pi), 0.13 * strength * height
        jerk = (far * math.cos(angle), far * math.sin(angle))
        return replace(shot, exposure=max(shot.exposure, 0.8), jerk=jerk, fault=fault)
    if fault == "defocus":
        return replace(shot, defocus=max(shot.defocus, 0.033 * strength * height), fault=fault)
    if fault == "noise":
        dark = max(1 - 0.75 * strength, 0.1)
        gain = (shot.gain[0] * dark, shot.gain[1] * dark, shot.gain[2] * dark)
        return replace(shot, gain=gain, noise=max(shot.noise, 16.0 * strength), fault=fault)
    return replace(shot, fault=fault)


class Sensor:
    """What one camera does to all frames of a clip: grain and compression.

    Args:
        rng: random numbers.
        size: height and width of the frames.
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        self.size = size
        white = rng.standard_normal((size[0] + 32, size[1] + 32, 3), dtype=np.float32)
        # Denoising and demosaicing leave coarse grain.
        grain = cv2.GaussianBlur(white, (0, 0), rng.uniform(0.3, 0.7))
        self._grain = (grain / np.float32(grain.std())).astype(np.float32)
        self.quality = int(rng.integers(25, 96)) if rng.random() < 0.7 else None
        self.sharpen = float(rng.uniform(0.2, 0.9)) if rng.random() < 0.5 else 0.0
        self.chroma = CHROMA[int(rng.integers(2))]

    def record(self, rng: np.random.Generator, image: np.ndarray, shot: Shot) -> np.ndarray:
        """The frame uint8 `[H, W, 3]` of the light float32 `[H, W, 3]` 0..255 that falls on the sensor."""
        if shot.defocus > 0.2:
            image = cv2.GaussianBlur(image, (0, 0), shot.defocus)
        if self.sharpen and not shot.fault:
            image = cv2.addWeighted(image, 1 + self.sharpen, cv2.GaussianBlur(image, (3, 3), 0.8), -self.sharpen, 0)
        image = cv2.transform(image, np.diag(shot.gain).astype(np.float32))
        y, x = (int(v) for v in rng.integers(0, 32, 2))
        grain = self._grain[y : y + self.size[0], x : x + self.size[1]]
        image = cv2.addWeighted(image, 1.0, grain, shot.noise, 0)
        out = cv2.convertScaleAbs(np.maximum(image, 0, out=image))
        return out if self.quality is None else jpeg(out, self.quality, self.chroma)
