"""People cut out of photographs by masks that the user gives, who walk after a fashion."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from vision.datasets.video.synthetic.sprite import Sprite
from vision.errors import UsageError
from vision.images import read_image

_PHASES = 12
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_LOWEST = 40  # pixels: what is smaller would be all edge


class CutPerson:
    """One person of a photograph.

    Args:
        color: uint8 RGB `[h, w, 3]`.
        alpha: uint8 `[h, w]`.
        mirrored: whether left and right are exchanged; headings are those of the mirrored one.
    """

    def __init__(self, color: np.ndarray, alpha: np.ndarray, mirrored: bool) -> None:
        if mirrored:
            color, alpha = color[:, ::-1], alpha[:, ::-1]
        self._color = cv2.merge([np.ascontiguousarray(color[..., c]) for c in range(3)])
        self._alpha = np.ascontiguousarray(alpha)
        self._made: dict[tuple[bool, int], Sprite] = {}

    def sprite(self, heading: float, phase: float, walks: bool = True) -> Sprite:
        """The person at a phase of the stride, in radians, mirrored where the way leads back."""
        back = math.cos(heading) < 0
        step = round(phase / (2 * math.pi) * _PHASES) % _PHASES if walks else 0
        if (back, step) not in self._made:
            self._made[back, step] = self._draw(back, step * 2 * math.pi / _PHASES if walks else 0.0)
        return self._made[back, step]

    def _draw(self, back: bool, phase: float) -> Sprite:
        """Legs close and open: below the hips the figure grows narrow and wide again, the body bobs."""
        height, width = self._alpha.shape
        close = 0.5 - 0.5 * math.cos(2 * phase)  # 0 as photographed
        y = np.arange(height, dtype=np.float32) / height
        below = np.clip((y - 0.55) / 0.45, 0, 1)
        narrow = 1 / (1 - np.float32(0.35 * close) * below)
        center = np.float32((width - 1) / 2)
        x = (np.arange(width, dtype=np.float32)[None] - center) * narrow[:, None] + center
        rise = np.float32(0.012 * height * close)
        rows = np.broadcast_to((np.arange(height, dtype=np.float32) + rise * (1 - y))[:, None], x.shape)
        rgba = np.dstack([self._color, self._alpha])
        out = cv2.remap(rgba, x, np.ascontiguousarray(rows), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        if back:
            out = np.ascontiguousarray(out[:, ::-1])
        return Sprite(out, ((width - 1) / 2, height - 1.0), height)


class Cutouts:
    """The people of a folder of photographs: `NAME_mask.png` has 0 for the background and a number for each person.

    Args:
        folder: photographs and masks, as in the Penn-Fudan set.
        share: what part of the people in clips comes from here; the others are drawn.

    Raises:
        UsageError: there are no pairs of a photograph and a mask.
    """

    def __init__(self, folder: str | Path, share: float = 0.7) -> None:
        self.share = share
        self._pairs = _pairs(Path(folder))
        if not self._pairs:
            raise UsageError(
                f"people is {str(folder)!r}: no NAME_mask.png beside a photograph NAME.jpg or NAME.png there; give a "
                "folder of photographs with masks, in which each person has a number of its own",
                code="bad-data-root",
                value=str(folder),
            )
        self._cut: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}

    def pick(self, rng: np.random.Generator) -> CutPerson:
        """Any person, in light of another brightness and tint.

        Raises:
            UsageError: no mask holds a whole person of 40 pixels or more.
        """
        first = int(rng.integers(len(self._pairs)))
        which, mirrored = rng.random(), bool(rng.random() < 0.5)
        gain = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.04, 3))
        for k in range(len(self._pairs)):
            found = self._people((first + k) % len(self._pairs))
            if found:
                color, alpha = found[int(which * len(found))]
                lit = np.clip(color * gain, 0, alpha[..., None]).astype(np.uint8)
                return CutPerson(lit, alpha, mirrored)
        raise UsageError(
            f"none of the {len(self._pairs)} masks shows a person of {_LOWEST} pixels or more, away from the border",
            code="bad-data-root",
        )

    def _people(self, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Premultiplied colors and alpha of the people of one photograph."""
        if index not in self._cut:
            photo, mask_file = self._pairs[index]
            image, mask = read_image(photo), _read_mask(mask_file)
            if mask.shape != image.shape[:2]:
                raise UsageError(
                    f"{mask_file} is {mask.shape}, its photograph {photo.name} {image.shape[:2]}; expected one size",
                    code="sizes-differ",
                    value=(mask.shape, image.shape[:2]),
                )
            numbers = [number for number in np.unique(mask).tolist() if number]
            cut = (_cut_out(image, mask == number) for number in numbers)
            self._cut[index] = [person for person in cut if person is not None]
        return self._cut[index]


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Photographs and their masks."""
    pairs = []
    for mask in sorted(folder.glob("*_mask.png")):
        stem = mask.name[: -len("_mask.png")]
        photo = next((p for s in _SUFFIXES if (p := folder / f"{stem}{s}").is_file()), None)
        if photo is not None:
            pairs.append((photo, mask))
    return pairs


def _read_mask(path: Path) -> np.ndarray:
    mask = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if mask is None or mask.ndim != 2:
        raise UsageError(
            f"{path} is no mask; expected a PNG of one channel with a number for each person", code="not-an-image"
        )
    return mask


def _cut_out(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Premultiplied colors and alpha with a soft edge; None for what is small or cut by the photograph's border."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    inner = left > 0 and top > 0 and left + width < mask.shape[1] and top + height < mask.shape[0]
    if height < _LOWEST or not inner:
        return None
    part = (slice(top, top + height), slice(left, left + width))
    # A pixel is taken off: at the outline the old background shows.
    alpha = cv2.GaussianBlur(
        cv2.erode(mask[part].view(np.uint8), np.ones((3, 3), np.uint8)) * np.uint8(255), (0, 0), 0.8
    )
    color = image[part].astype(np.float32) * (alpha.astype(np.float32) / 255)[..., None]
    return color, alpha
