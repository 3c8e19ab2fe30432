"""What is said about one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from vision.provenance import PROVENANCE_FIELDS

REAL = "real"
GENERATED = "ai-generated"
INCONCLUSIVE = "inconclusive"
_ROBUST_FIELDS = ("probability_min", "probability_max", "stable")


@dataclass
class ForgeryResult:
    """The judgment of one image, or why there is none.

    Attributes:
        path: as it was given; "array 0", "array 1" ... for arrays.
        verdict: "real", "ai-generated" or "inconclusive"; None when the image could not be judged.
        probability: calibrated probability that the image is generated, 0 to 1.
        logit: what the calibration starts from: the mean over the crops.
        crops: number of crops that were judged.
        error: why there is no verdict, in one line; None when there is one.
        metadata: what the file says about its origin (`vision.provenance`); no part of the score.
        probability_min, probability_max: over the image and its recompressed copies; None without that check.
        stable: whether image and copies got the same verdict; when not, `verdict` is "inconclusive".
        heatmap: probabilities of overlapping tiles, when asked for.
    """

    path: str
    verdict: str | None = None
    probability: float | None = None
    logit: float | None = None
    crops: int = 0
    error: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    probability_min: float | None = None
    probability_max: float | None = None
    stable: bool | None = None
    heatmap: HeatMap | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Flat, JSON-ready, always with the same fields: the judgment, the provenance, the recompression check."""
        judgment = {name: getattr(self, name) for name in ("path", "verdict", "probability", "logit", "crops", "error")}
        robust = {name: getattr(self, name) for name in _ROBUST_FIELDS}
        record = judgment | {name: self.metadata.get(name) for name in PROVENANCE_FIELDS} | robust
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in record.items()}


def result_fields() -> list[str]:
    """Names and order of the fields of `ForgeryResult.to_dict`."""
    return list(ForgeryResult("").to_dict())


def aggregate(crop_logits: np.ndarray) -> float:
    """Logit of an image from those of its crops `[N]`, N >= 1."""
    return float(np.mean(crop_logits, dtype=np.float64))


def verdict(probability: float, low: float, high: float) -> str:
    """From a probability: below `low` "real", from `high` on "ai-generated", "inconclusive" between."""
    if probability >= high:
        return GENERATED
    return REAL if probability < low else INCONCLUSIVE


@dataclass(frozen=True)
class HeatMap:
    """Probabilities of overlapping tiles, and a copy of the image to show them on.

    Attributes:
        probability: float32 `[rows, columns]`, of the tiles.
        center_y, center_x: tile centers in pixels of the full image, ascending. Those of small images, which
            are extended, may lie outside.
        height, width: of the full image.
        tile_size: side of a tile in pixels.
        preview: uint8 `[h, w, 3]`, the image, scaled down to 1000 pixels when it is larger.
    """

    probability: np.ndarray
    center_y: np.ndarray
    center_x: np.ndarray
    height: int
    width: int
    tile_size: int
    preview: np.ndarray

    def dense(self, height: int, width: int) -> np.ndarray:
        """Interpolate and smooth the tiles to float32 `[height, width]` over the whole image, 0 to 1."""
        y = (np.arange(height) + 0.5) * (self.height / height)
        x = (np.arange(width) + 0.5) * (self.width / width)
        columns = np.stack([np.interp(x, self.center_x, row) for row in self.probability])
        surface = np.stack([np.interp(y, self.center_y, column) for column in columns.T], axis=1)
        sigma = [
            _spacing(c) * full / 2
            for c, full in ((self.center_x, width / self.width), (self.center_y, height / self.height))
        ]
        if max(sigma) > 0.3:
            surface = cv2.GaussianBlur(
                surface, (0, 0), max(sigma[0], 0.1), sigmaY=max(sigma[1], 0.1), borderType=cv2.BORDER_REFLECT
            )
        return np.clip(surface, 0, 1).astype(np.float32)


def _spacing(centers: np.ndarray) -> float:
    return float(centers[1] - centers[0]) if len(centers) > 1 else 0.0
