"""What the report says of one image: a record, put into words and lists."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from vision.provenance.fields import FIELDS
from vision.report.evidence import SIGNATURES, Evidence, evidence_of, limits_of, tone_of
from vision.report.values import Record, bounded, lines_of, number_of, shortened, text_of, truth_of, value_of

Facts = list[tuple[str, str]]

# Columns of the table, name -> heading.
COLUMNS = {
    "file": "File",
    "conclusion": "Conclusion",
    "probability": "Probability",
    "declared": "Declared",
    "watermark": "Watermark",
    "quality": "JPEG quality",
    "size": "Size",
}
_VERDICTS = {"ai-generated": "AI-generated", "real": "Real", "inconclusive": "Inconclusive"}
_DECLARATION = (
    ("declared_by", "said by"),
    ("signer", "signer"),
    ("issuer", "issuer"),
    ("claim_generator", "claim generator"),
    ("signed_at", "signed at"),
    ("source_type", "source type"),
    ("actions", "actions"),
    ("ingredients", "made from"),
    ("generator", "generator"),
    ("generator_model", "model"),
    ("seed", "seed"),
    ("prompt", "prompt"),
)


class Cell(NamedTuple):
    """A cell of the table: its text, empty where there is none, and a number to sort by if it is one."""

    text: str
    number: float | None = None


class Summary(NamedTuple):
    """What the page shows of one image; all texts are a stranger's, and the page escapes them.

    Attributes:
        name, folder: of the file.
        conclusion: in words.
        tone: "generated", "real", "open" or "error".
        error: why there is no verdict.
        cells: of the table, one for each of `COLUMNS`.
        evidence: for and against.
        remarks: what is odd about the file.
        history: what became of the pixels, as pairs of what and how.
        declaration: what the file declares.
        metadata: what else it says.
        limits: what nothing here can tell.
    """

    name: str
    folder: str
    conclusion: str
    tone: str
    error: str | None
    cells: list[Cell]
    evidence: Evidence
    remarks: list[str]
    history: Facts
    declaration: Facts
    metadata: Facts
    limits: list[str]


def summary(record: Record, has_heatmap: bool = False) -> Summary:
    """Put a record into words.

    Args:
        record: `ForgeryResult.to_dict()`; fields may be absent.
        has_heatmap: whether the page shows a heat map of the image.
    """
    path = str(record.get("path", ""))
    folder, name = (shortened(part) for part in os.path.split(path))
    conclusion = _conclusion(record)
    return Summary(
        name=name or folder,
        folder=folder,
        conclusion=conclusion,
        tone=tone_of(record),
        error=text_of(record, "error"),
        cells=_cells(record, path, conclusion),
        evidence=evidence_of(record),
        remarks=lines_of(record, "notes"),
        history=_history(record),
        declaration=bounded(_declaration(record)),
        metadata=bounded([(field.label, text) for field in FIELDS if (text := text_of(record, field.name))]),
        limits=limits_of(record, has_heatmap),
    )


def _conclusion(record: Record) -> str:
    """The record's own; the verdict on the pixels in records that have none."""
    verdict = value_of(record, "verdict")
    return text_of(record, "conclusion") or _VERDICTS.get(str(verdict), "Not judged")


def _cells(record: Record, path: str, conclusion: str) -> list[Cell]:
    probability, quality = number_of(record, "probability"), number_of(record, "jpeg_quality")
    width, height = number_of(record, "width"), number_of(record, "height")
    has_size = width is not None and height is not None
    return [
        Cell(shortened(path)),
        Cell(conclusion),
        _number_cell(probability, ".3f"),
        Cell(_declared(record)),
        Cell(text_of(record, "watermark") or ""),
        _number_cell(quality, ".0f"),
        Cell(f"{width:.0f} × {height:.0f}", width * height) if has_size else Cell(""),  # type: ignore[operator]
    ]


def _number_cell(number: float | None, form: str) -> Cell:
    return Cell("") if number is None else Cell(format(number, form), number)


def _declared(record: Record) -> str:
    declared, signature = text_of(record, "declared"), text_of(record, "signature")
    if declared in (None, "none") and signature is None:
        return declared or ""
    return f"{declared or 'none'}, {f'signature {signature}' if signature else 'unsigned'}"


def _history(record: Record) -> Facts:
    """What became of the pixels, as far as the file and the pixels tell."""
    facts: list[tuple[str, Any]] = [("format", text_of(record, "format"))]
    width, height = number_of(record, "width"), number_of(record, "height")
    if width is not None and height is not None:
        millions = width * height / 1e6
        facts.append(("size", f"{width:.0f} × {height:.0f} pixels" + f" ({millions:.1f} megapixels)" * (millions >= 0.1)))
    frames = number_of(record, "frames")
    if frames is not None and frames > 1:
        facts.append(("frames", f"{frames:,.0f}, of which the first was judged"))
    quality = number_of(record, "jpeg_quality")
    if quality is not None:
        facts.append(("JPEG quality", f"{quality:.0f} of 100, estimated"))
    facts.append(("scale", _scale(record)))
    stable = truth_of(record, "stable")
    if stable is not None:
        facts.append(("recompressed", "the verdict stays" if stable else "the verdict changes"))
    crops = number_of(record, "crops")
    if crops:
        facts.append(("judged", f"{crops:.0f} crop{'s' * (crops != 1)} at native resolution"))
    facts.append(("heat map", text_of(record, "heatmap")))
    return [(name, text) for name, text in facts if text]


def _scale(record: Record) -> str | None:
    factor = number_of(record, "scale")
    if factor is None:
        return text_of(record, "scale")
    if abs(factor - 1) <= 0.05:
        return "as it was taken or made, as far as the pixels tell"
    return f"resized to about {factor:.2g} times its former size, estimated"


def _declaration(record: Record) -> Facts:
    facts: Facts = []
    declared, signature = text_of(record, "declared"), text_of(record, "signature")
    if declared is not None:
        facts.append(("declared", "nothing" if declared == "none" else declared))
    if signature is not None:
        facts.append(("signature", SIGNATURES.get(signature, signature)))
    for name, label in _DECLARATION:
        facts += [(label, line) for line in lines_of(record, name)]
    return facts
