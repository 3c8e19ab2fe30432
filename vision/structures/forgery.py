"""What is said about one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision.provenance import PROVENANCE_FIELDS
from vision.provenance.claims import UNDECLARED
from vision.structures.heatmap import HeatMap

# What a heat map says of its origin, so that a folder of pictures can be told from what was drawn of them.
HEATMAP_SOFTWARE = "neighborhood-vision, heat map"
REAL = "real"
GENERATED = "ai-generated"
INCONCLUSIVE = "inconclusive"
_JUDGMENT_FIELDS = ("path", "verdict", "probability", "logit", "crops", "error")
# From pixels, declaration and watermark: the conclusion first, then every part apart, then what is known of each.
_CONCLUSION_FIELDS = (
    *("conclusion", "conclusion_kind", "conflict", "declared", "declared_by", "signature", "watermark"),
    *("watermark_fpr", "scale"),
)
_DETAIL_FIELDS = (
    *("signer", "issuer", "claim_generator", "signed_at", "actions", "ingredients", "source_type"),
    *("generator", "generator_model", "prompt_present", "seed", "prompt", "watermark_bits", "watermark_matched"),
)
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
        jpeg_quality: 1 to 100, estimated from the quantization tables, or in other formats from what an earlier JPEG
            compression has left in the pixels; None where nothing tells.
        notes: what is odd about the file, or why it holds no evidence, one line each, which knows its kind
            (`vision.errors.Notice`).
        conclusion: pixels, declaration and watermark in one, in plain words; None where there is nothing to say.
        conclusion_kind: the same in one word: "ai-generated", "ai-edited", "camera", "real" or "unclear".
        conflict: whether the file declares something else than its pixels show.
        declared: what the file says of itself: "ai-generated", "ai-edited", "camera" or "none".
        declared_by: what in the file says so; None for "none".
        signature: of its C2PA manifests: "valid", "untrusted" or "invalid"; None without one that was validated.
        watermark: whose invisible watermark the pixels carry, such as "Stable Diffusion 1/2"; None without one.
        watermark_fpr: how often an image without a watermark would match as well by chance.
        scale: by how much the image was resampled, such as 0.5, by its pixels; None where nothing tells.
        signer, issuer, claim_generator, signed_at, actions, ingredients, source_type: of the signed claim, see
            `vision.structures.provenance.SignedClaim`.
        generator, generator_model, seed: what a generator wrote about itself.
        prompt_present: whether the file has a prompt.
        prompt: its text, where that was asked for.
        watermark_bits, watermark_matched: length of the watermark's message, and how many of its bits were found.
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
    conclusion: str | None = None
    conclusion_kind: str | None = None
    conflict: bool = False
    declared: str = UNDECLARED
    declared_by: str | None = None
    signature: str | None = None
    watermark: str | None = None
    watermark_fpr: float | None = None
    scale: float | None = None
    signer: str | None = None
    issuer: str | None = None
    claim_generator: str | None = None
    signed_at: str | None = None
    actions: list[str] = field(default_factory=list)
    ingredients: list[str] = field(default_factory=list)
    source_type: str | None = None
    generator: str | None = None
    generator_model: str | None = None
    prompt_present: bool = False
    seed: str | None = None
    prompt: str | None = None
    watermark_bits: int | None = None
    watermark_matched: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Flat, JSON-ready, always with the same fields: judgment, conclusion, provenance, file, notes."""
        record = self._fields(_JUDGMENT_FIELDS)
        record["error"] = self.error and str(self.error)  # plain text, which any format takes
        record |= self._fields((*_CONCLUSION_FIELDS, *_DETAIL_FIELDS))
        record |= {name: self.metadata.get(name) for name in PROVENANCE_FIELDS}
        record |= self._fields((*_ROBUST_FIELDS, *_FILE_FIELDS))
        record["notes"] = [str(note) for note in self.notes]
        return {name: _rounded(name, value) for name, value in record.items()}

    def _fields(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


def result_fields() -> list[str]:
    """Names and order of the fields of `ForgeryResult.to_dict`."""
    return list(ForgeryResult("").to_dict())


def _rounded(name: str, value: Any) -> Any:
    """Six places; those of a rate of one in many millions are its first digits."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.3g}") if name == "watermark_fpr" else round(value, 6)


def aggregate(crop_logits: np.ndarray) -> float:
    """Logit of an image from those of its crops `[N]`, N >= 1."""
    return float(np.mean(crop_logits, dtype=np.float64))


def verdict(probability: float, low: float, high: float) -> str:
    """From a probability: below `low` "real", from `high` on "ai-generated", "inconclusive" between."""
    if probability >= high:
        return GENERATED
    return REAL if probability < low else INCONCLUSIVE
