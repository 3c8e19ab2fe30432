"""Two cameras that are not quite alike: exposure, color, blur, noise, compression and alignment."""

from __future__ import annotations

import cv2
import numpy as np

from vision.pixels import CHROMA, jpeg

_LUMA = np.array([0.299, 0.587, 0.114])


class Sensor:
    """A random pair of cameras; the truth stays that of the ideal geometry.

    Args:
        rng: random numbers of the scene.
        gray: share of pairs without color.
        strength: how different the cameras are: 0 ideal ones without noise, 1 as usual.
        outdoors: harder contrast, darker shadows.
    """

    def __init__(
        self, rng: np.random.Generator, gray: float = 0.15, strength: float = 1.0, outdoors: bool = False
    ) -> None:
        self.rng = rng
        self.is_gray = rng.random() < gray
        self.exposure = float(rng.normal(100 if outdoors else 118, 22))
        self.spread = float(rng.uniform(45, 90) if outdoors else rng.uniform(35, 75))
        self.blur = float(rng.uniform(0.3, 0.65))
        # What cameras do against their own blur.
        self.sharpen = float(rng.uniform(0.2, 1.6)) if rng.random() < 0.7 else 0.0
        self.noise = float(rng.choice([0.3, 1.0, 2.5], p=[0.4, 0.4, 0.2]) * rng.uniform(0.3, 1.5)) * strength
        self.quality = int(rng.integers(40, 98)) if strength and rng.random() < 0.3 else None
        # Most pairs come from cameras alike; some from different light or another exposure.
        self.unlike = strength * float(rng.choice([0.1, 0.4, 1.4], p=[0.5, 0.35, 0.15]))
        self.askew = strength * float(rng.choice([0.0, 0.25, 1.0], p=[0.45, 0.4, 0.15]))

    def develop(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The images uint8 `[H, W, 3]` that the cameras make of two views, float32 `[H, W, 3]` 0..255."""
        gain, offset = self._meter(left, right)
        shift = self.rng.normal(0, 0.6) * self.askew
        turn, zoom = self.rng.normal(0, 0.5, 2) * self.askew / left.shape[1]
        out = []
        for image, sign in ((left, 0.5), (right, -0.5)):
            image = self._expose(image, gain, offset)
            if self.askew:
                image = _misalign(image, shift * sign, turn * sign, zoom * sign)
            out.append(self._record(image))
        return out[0], out[1]

    def _meter(self, left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
        """Gain and offset that give the pair the wanted brightness and contrast, as far as reasonable."""
        sparse = np.concatenate([left[::8, ::8], right[::8, ::8]]).mean(2)
        mean, deviation = float(sparse.mean()), float(sparse.std())
        gain = np.clip(self.spread / max(deviation, 1), 0.5 * self.exposure / max(mean, 20), 115 / max(mean, 20))
        gain = float(np.clip(gain, 0.4, 3.0))
        return gain, self.exposure - gain * mean

    def _expose(self, image: np.ndarray, gain: float, offset: float) -> np.ndarray:
        """The shared exposure and each camera's own gains, as one matrix; `[H, W, 3]` or gray `[H, W]`."""
        rng, unlike = self.rng, self.unlike
        own = float(np.exp(rng.normal(0, 0.05) * unlike))
        base = offset + rng.normal(0, 3) * unlike
        tint = np.exp(rng.normal(0, 0.02, 3) * unlike)
        if self.is_gray:
            return cv2.transform(image, np.append(_LUMA * (gain * own), base)[None].astype(np.float32))
        matrix = np.column_stack([np.diag(gain * own * tint), base * tint])
        return cv2.transform(image, matrix.astype(np.float32))

    def _record(self, image: np.ndarray) -> np.ndarray:
        """Optics, vignette, tone curve, noise and compression of one camera."""
        rng, unlike = self.rng, self.unlike
        sigma = self.blur + abs(rng.normal(0, 0.4)) * unlike
        image = cv2.GaussianBlur(image, (0, 0), sigma)
        if self.sharpen:
            image = cv2.addWeighted(image, 1 + self.sharpen, cv2.GaussianBlur(image, (5, 5), 0.9), -self.sharpen, 0)
        # A soft shoulder and toe: linear from 30 to 225, a third of the slope beyond.
        soft = cv2.addWeighted(image, 0.35, image, 0.0, 19.5)
        image = cv2.max(image, soft)
        image = cv2.min(image, soft + np.float32(126.75))
        dark = abs(rng.normal(0, 0.12)) * unlike
        if dark > 0.02:
            fall = self._vignette(image.shape[:2], dark)
            image = cv2.multiply(image, fall if image.ndim == 2 else cv2.merge([fall] * 3))
        bend = float(rng.normal(0, 0.1) * unlike)
        if abs(bend) > 0.01:
            # x + bend x (1 - x): a gamma of about 1 - bend, but ten times as fast.
            image = cv2.addWeighted(image, 1 + bend, cv2.multiply(image, image, scale=1 / 255), -bend, 0)
        if self.noise:
            image = self._grain(image)
        out = image.clip(0, 255, out=image)
        out = cv2.convertScaleAbs(out)
        if out.ndim == 2:
            out = cv2.merge([out, out, out])
        return out if self.quality is None else jpeg(out, self.quality, CHROMA[int(rng.integers(3))])

    def _vignette(self, size: tuple[int, int], dark: float) -> np.ndarray:
        y, x = np.linspace(-1, 1, size[0], dtype=np.float32), np.linspace(-1, 1, size[1], dtype=np.float32)
        middle = self.rng.normal(0, 0.2, 2).astype(np.float32)
        return 1 - np.float32(dark) * ((y[:, None] - middle[0]) ** 2 + (x[None] - middle[1]) ** 2)

    def _grain(self, image: np.ndarray) -> np.ndarray:
        """Read noise, and shot noise that grows with the root of the brightness."""
        grain = np.empty(image.shape, np.float32)
        cv2.setRNGSeed(int(self.rng.integers(2**31)))
        cv2.randn(grain, np.zeros(1), np.ones(1))
        level = cv2.addWeighted(image, 1 / 128, image, 0.0, 0.3)
        level = cv2.sqrt(np.maximum(level, np.float32(0.05)))
        return cv2.add(image, cv2.multiply(grain, level, scale=self.noise))


def _misalign(image: np.ndarray, shift: float, turn: float, zoom: float) -> np.ndarray:
    """Move rows by `shift` pixels, by `turn` for each pixel to the right and by `zoom` for each one down."""
    height, width = image.shape[:2]
    # Columns stay where they are: there a shift would be false disparity.
    matrix = np.array([[1, 0, 0], [turn, 1 + zoom, shift - turn * width / 2 - zoom * height / 2]])
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
