"""People that walk: a skeleton of joints in space, dressed with textures, seen from any side and from above.

Lengths are in statures. Proportions are those of adults (Drillis and Contini, "Body Segment Parameters", 1966).
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from vision.datasets.scene.pool import TexturePool
from vision.datasets.video.synthetic.sprite import Sprite
from vision.datasets.video.synthetic.wardrobe import Wardrobe

PHASES = 16
HEADINGS = 16
_KEPT = 12  # sprites at hand: those of a moment, and some to come back to
_AROUND = np.stack([np.cos(np.arange(16) * math.pi / 8), np.sin(np.arange(16) * math.pi / 8)], 1)
_ARM, _FOREARM, _THIGH, _SHANK = 0.17, 0.16, 0.245, 0.245
_CANVAS = (1.3, 1.1)  # height and width of the canvas, statures


class Person:
    """One person, who keeps clothes and build.

    Args:
        rng: random numbers.
        pool: textures of the clothes.
        detail: texels from head to foot.
        tilt: how steeply the camera looks down, in radians.
        light: where light comes from, -1 left to 1 right.
    """

    def __init__(
        self, rng: np.random.Generator, pool: TexturePool, detail: int, tilt: float = 0.0, light: float = 0.3
    ) -> None:
        self.detail = detail
        self.light = light
        self.clothes = Wardrobe(rng, pool, detail)
        self._cos, self._sin = math.cos(tilt), math.sin(tilt)
        self._stout = float(np.clip(rng.normal(1.0, 0.13), 0.8, 1.5))
        self._swing = float(rng.uniform(0.35, 0.5))
        self._arms = float(rng.uniform(0.2, 0.5))
        self._bent = float(rng.uniform(0.1, 0.5)) if rng.random() < 0.75 else float(rng.uniform(1.0, 1.9))
        self._lean = float(rng.normal(0.03, 0.04))
        self._made: dict[tuple[int, int, bool], Sprite] = {}

    def sprite(self, heading: float, phase: float, walks: bool = True) -> Sprite:
        """The person as seen when going in a direction (0 right, pi / 2 away) at a phase of the stride, in radians."""
        key = (
            round(heading / (2 * math.pi) * HEADINGS) % HEADINGS,
            round(phase / (2 * math.pi) * PHASES) % PHASES if walks else 0,
            walks,
        )
        if key not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[key] = self._draw(key[0] * 2 * math.pi / HEADINGS, key[1] * 2 * math.pi / PHASES, walks)
        return self._made[key]

    def _draw(self, heading: float, phase: float, walks: bool) -> Sprite:
        canvas = _Canvas(self.detail)
        joints = self._pose(phase, walks)
        turn = np.array(
            [[math.cos(heading), -math.sin(heading), 0], [math.sin(heading), math.cos(heading), 0], [0, 0, 1]]
        )
        # Right, away, up, of joints given as forward, to the left, up.
        seen = {name: turn @ np.array(place) for name, place in joints.items()}
        flat = {name: self._project(place) for name, place in seen.items()}
        depth = {name: place[1] * self._cos - place[2] * self._sin * 0.2 for name, place in seen.items()}
        facing = -math.sin(heading)  # 1 toward us
        parts = sorted(self._parts(flat, depth, facing), key=lambda part: -part[0])
        for _, outline, cloth, shade in parts:
            canvas.fill(outline, self.clothes.tiles[cloth], shade)
        return canvas.finish(self.light)

    def _project(self, place: np.ndarray) -> np.ndarray:
        """Right and down of a point (right, away, up)."""
        return np.array([place[0], -(place[2] * self._cos + place[1] * self._sin)])

    def _pose(self, phase: float, walks: bool) -> dict[str, tuple[float, float, float]]:
        """Joints (forward, left, up) at a phase of the stride."""
        swing = self._swing if walks else 0.06
        bob = 0.012 * math.cos(2 * phase) if walks else 0.0
        hip = 0.52 + bob - 0.02 * swing
        lean = self._lean
        joints = {
            "pelvis": (0.0, 0.0, hip + 0.02),
            "neck": (lean + 0.01, 0.0, 0.84 + bob),
            "head": (lean + 0.035, 0.0, 0.925 + bob),
        }
        for side, sign, own in (("l", 1.0, phase), ("r", -1.0, phase + math.pi)):
            thigh = swing * math.sin(own)
            # The knee bends while the leg swings forward.
            knee = (0.08 + 0.95 * max(0.0, math.cos(own + 0.3))) if walks else 0.03
            joints[f"hip_{side}"] = (0.0, sign * 0.055, hip)
            joints[f"knee_{side}"] = x, y, z = _THIGH * math.sin(thigh), sign * 0.055, hip - _THIGH * math.cos(thigh)
            shank = thigh - knee
            ankle = x + _SHANK * math.sin(shank), y, max(z - _SHANK * math.cos(shank), 0.035)
            joints[f"ankle_{side}"] = ankle
            lift = 0.5 * math.sin(shank)
            joints[f"toe_{side}"] = (ankle[0] + 0.1, y * 1.25, max(ankle[2] - 0.02 + 0.1 * min(lift, 0), 0.012))
            arm = -self._arms * math.sin(own) if walks else 0.03 * sign
            shoulder = (lean, sign * 0.12 * self._stout, 0.805 + bob)
            elbow = (
                shoulder[0] + _ARM * math.sin(arm),
                shoulder[1] + sign * 0.025,
                shoulder[2] - _ARM * math.cos(arm),
            )
            bend = arm + self._bent
            hand = (elbow[0] + _FOREARM * math.sin(bend), elbow[1] - sign * 0.01, elbow[2] - _FOREARM * math.cos(bend))
            joints |= {f"shoulder_{side}": shoulder, f"elbow_{side}": elbow, f"hand_{side}": hand}
        return joints

    def _parts(
        self, flat: dict[str, np.ndarray], depth: dict[str, float], facing: float
    ) -> list[tuple[float, np.ndarray, str, float]]:
        """Outlines with their depth, cloth and brightness."""
        clothes, stout = self.clothes, self._stout
        parts: list[tuple[float, np.ndarray, str, float]] = []
        middle = depth["pelvis"]
        for side in "lr":
            far = 0.82 if depth[f"hip_{side}"] > middle + 0.01 else 1.0
            hip, knee, ankle, toe = (flat[f"{name}_{side}"] for name in ("hip", "knee", "ankle", "toe"))
            at = depth[f"hip_{side}"] * 0.5
            thick = stout * clothes.loose
            parts.append((at + 0.004, _limb(ankle, toe, 0.028, 0.02), "shoes", far))
            parts.append((at + 0.003, _limb(knee, ankle, 0.046 * thick, 0.03 * thick), clothes.shank, far))
            parts.append((at + 0.002, _limb(hip, knee, 0.072 * stout, 0.05 * thick), clothes.thigh, far))
            shoulder, elbow, hand = (flat[f"{name}_{side}"] for name in ("shoulder", "elbow", "hand"))
            at = depth[f"shoulder_{side}"] * 0.7
            parts.append((at - 0.001, _limb(hand, hand, 0.022, 0.022), "skin", far))
            parts.append((at - 0.002, _limb(elbow, hand, 0.034 * thick, 0.024), clothes.forearm, far))
            parts.append((at - 0.003, _limb(shoulder, elbow, 0.045 * stout, 0.036 * thick), "top", far))
        parts += self._trunk(flat, depth, facing)
        return parts

    def _trunk(
        self, flat: dict[str, np.ndarray], depth: dict[str, float], facing: float
    ) -> list[tuple[float, np.ndarray, str, float]]:
        """Torso, skirt, neck, head with its hair, and what is carried."""
        clothes, stout = self.clothes, self._stout
        left, right = flat["shoulder_l"], flat["shoulder_r"]
        pelvis, neck, head = flat["pelvis"], flat["neck"], flat["head"]
        at = depth["pelvis"]
        side = 0.075 * stout
        chest = [_disc(left * 0.8 + right * 0.2, 0.055 * stout), _disc(right * 0.8 + left * 0.2, 0.055 * stout)]
        hips = [_disc(flat["hip_l"] + _down(-0.02), side), _disc(flat["hip_r"] + _down(-0.02), side)]
        waist = [_disc(pelvis * 0.5 + neck * 0.5, 0.095 * stout)]
        parts = [(at, _hull(chest + hips + waist + [_disc(neck + _down(0.03), 0.045)]), "top", 1.0)]
        if clothes.hem:
            # A skirt or coat reaches from the hips down the thighs.
            low = [
                _disc(flat[f"hip_{s}"] * (1 - clothes.hem) + flat[f"knee_{s}"] * clothes.hem, 0.07 * stout)
                for s in "lr"
            ]
            parts.append((at + 0.0005, _hull(hips + low), clothes.skirt, 0.97))
        parts.append((at - 0.0015, _limb(neck + _down(0.015), head, 0.03, 0.03), "skin", 0.85))
        tall = 0.072 * (self._cos + 0.75 * self._sin)
        wide = 0.055
        face = _AROUND * (wide, tall) + head
        parts.append((at - 0.003, face, "skin", 1.0))
        away = np.array([flat["head"][0] - flat["neck"][0], 0.0])
        back = head - away * 0.5
        cap = (
            _AROUND * (wide * 1.08, tall * (0.62 + 0.35 * max(-facing, 0)))
            + back
            + (0, -tall * (0.5 - 0.3 * max(-facing, 0)))
        )
        parts.append((at - 0.004, cap, "hair", 1.0))
        if clothes.long_hair:
            fall = _AROUND * (wide * 1.1, tall * 1.5) + back + (0, tall * 0.5)
            parts.append((at - (0.0045 if facing < 0 else -0.004), fall, "hair", 0.95))
        if clothes.bag == "backpack":
            spine = neck * 0.62 + pelvis * 0.38
            shift = -(flat["toe_l"] + flat["toe_r"] - flat["ankle_l"] - flat["ankle_r"])[0] * 0.4
            pack = _AROUND * (0.085, 0.13) + spine + (shift, 0)
            parts.append((at + (-0.005 if facing < 0 else 0.05), pack, "bag", 1.0))
        elif clothes.bag:
            hand = flat["hand_r"]
            parts.append((depth["hand_r"] * 0.7 - 0.004, _AROUND * (0.06, 0.075) + hand + (0, 0.06), "bag", 1.0))
        return parts


class _Canvas:
    """Premultiplied colors that parts are painted onto; the ground under the hips is at the lower middle."""

    def __init__(self, detail: int) -> None:
        self.detail = detail
        self.size = (int(_CANVAS[0] * detail), int(_CANVAS[1] * detail))
        self.origin = np.array([0.5 * self.size[1], 1.12 * detail])
        self.color = np.zeros((*self.size, 3), np.uint8)
        self.alpha = np.zeros(self.size, np.uint8)

    def fill(self, outline: np.ndarray, tile: np.ndarray, shade: float) -> None:
        """Paint an outline `[N, 2]` in statures with a texture that moves along with it."""
        points = outline * self.detail + self.origin
        (left, top), (right, bottom) = np.floor(points.min(0)).astype(int) - 1, np.ceil(points.max(0)).astype(int) + 2
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.size[1]), min(bottom, self.size[0])
        if left >= right or top >= bottom:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        shifted = np.round((points - (left, top)) * 16).astype(np.int32)
        cv2.fillPoly(mask, [shifted], 255, cv2.LINE_AA, 4)
        height, width = mask.shape
        tall, wide = tile.shape[:2]
        y, x = (tall - height) // 2, (wide - width) // 2
        color = (
            tile[y : y + height, x : x + width]
            if shade == 1
            else cv2.convertScaleAbs(tile[y : y + height, x : x + width], alpha=shade)
        )
        part = (slice(top, bottom), slice(left, right))
        cover, clear = cv2.merge([mask] * 3), cv2.merge([cv2.bitwise_not(mask)] * 3)
        below = cv2.multiply(self.color[part], clear, scale=1 / 255)
        self.color[part] = cv2.add(below, cv2.multiply(color, cover, scale=1 / 255))
        kept = cv2.multiply(self.alpha[part], cv2.bitwise_not(mask), scale=1 / 255)
        self.alpha[part] = cv2.add(kept, mask)

    def finish(self, light: float) -> Sprite:
        """The sprite, rounded by light from one side."""
        # The blurred silhouette serves as a height map.
        height = cv2.GaussianBlur(self.alpha, (0, 0), 0.045 * self.detail).astype(np.float32)
        slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) * np.float32(0.05 * self.detail / 255)
        shade = np.clip(1 - np.float32(0.35 * light) * slope, 0.6, 1.25)
        color = cv2.multiply(self.color.astype(np.float32), cv2.merge([shade] * 3))
        color = np.minimum(color, self.alpha[..., None]).astype(np.uint8)
        left, top, width, tall = cv2.boundingRect(self.alpha)
        part = np.dstack([color, self.alpha])[top : top + tall, left : left + width]
        return Sprite(part, (float(self.origin[0]) - left, float(self.origin[1]) - top), self.detail)


def _down(length: float) -> np.ndarray:
    return np.array([0.0, length])


def _disc(center: np.ndarray, radius: float) -> np.ndarray:
    return _AROUND * radius + center


def _limb(start: np.ndarray, stop: np.ndarray, first: float, last: float) -> np.ndarray:
    """A tapered capsule."""
    return _hull([_disc(start, first), _disc(stop, last)])


def _hull(discs: list[np.ndarray]) -> np.ndarray:
    return cv2.convexHull(np.concatenate(discs).astype(np.float32))[:, 0]
