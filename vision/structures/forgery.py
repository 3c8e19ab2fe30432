"""What is said about one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision.provenance import PROVENANCE_FIELDS
from vision.structures.heatmap import HeatMap

# What a heat map says of its origin, so that a folder of pictures can be told from what was drawn of them.
HEATMAP_SOFTWARE = "neighborhood-vision, heat map"
REAL = "real"
GENERATED = "ai-generated"
INCONCLUSIVE = "inconclusive"
_FILE_FIELDS = ("width", "height", "format", "frames", "jpeg_quality")
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
        error: why there is no verdict, in one line, a `vision.errors.Notice`; None when there is one.
        metadata: what the file says about its origin (`vision.provenance`); no part of the score.
        probability_min, probability_max: over the image and its recompressed copies; None without that check.
        stable: whether image and copies got the same verdict; when not, `verdict` is "inconclusive".
        heatmap: probabilities of overlapping tiles, when asked for.
        width, height: of the upright image in pixels.
        format: of the file, such as "JPEG"; None for arrays.
        frames: of an animation, or pages, of which one is judged; None for arrays.
        jpeg_quality: 1 to 100, estimated from the quantization tables; None for other formats.
        notes: what is odd about the file, or why it holds no evidence, one line each, which knows its kind
            (`vision.errors.Notice`).
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
    width: int | None = None
    height: int | None = None
    format: str | None = None
    frames: int | None = None
    jpeg_quality: int | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Flat, JSON-ready, always with the same fields: judgment, provenance, recompression check, file, notes."""
        judgment = {name: getattr(self, name) for name in ("path", "verdict", "probability", "logit", "crops", "error")}
        judgment["error"] = self.error and str(self.error)  # plain text, which any format takes
        others = {name: getattr(self, name) for name in (*_ROBUST_FIELDS, *_FILE_FIELDS)}
        record = judgment | {name: self.metadata.get(name) for name in PROVENANCE_FIELDS} | others
        record["notes"] = [str(note) for note in self.notes]
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
