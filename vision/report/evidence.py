"""What speaks for and against an image being generated, and what remains unknown: sentences from a record."""

from __future__ import annotations

from typing import NamedTuple

from vision.report.values import Record, number_of, text_of, truth_of, value_of
from vision.structures.forgery import GENERATED, INCONCLUSIVE, REAL

_DECLARED = {
    "ai-generated": "that AI generated the image",
    "ai-edited": "that AI edited the image",
    "camera": "that a camera took the image",
}
_SIGNED = {
    "valid": "The signature is valid.",
    "untrusted": "The signature fits, but nothing here vouches for its signer.",
    "invalid": "Its signature is invalid, so that this counts for nothing.",
}
_UNSIGNED = "No signature protects this: anyone can write it."
SIGNATURES = {
    "valid": "valid: unchanged since a trusted signer signed it",
    "untrusted": "untrusted: it fits, but the signer is on no list of trusted ones",
    "invalid": "invalid: broken, expired, or of another image",
}


class Evidence(NamedTuple):
    """Sentences, by what they speak for.

    Attributes:
        generated: for an image that is generated.
        camera: against it.
        neither: what decides nothing.
    """

    generated: list[str]
    camera: list[str]
    neither: list[str]


def evidence_of(record: Record) -> Evidence:
    """All that a record says for and against."""
    found = Evidence([], [], [])
    _weigh_pixels(record, found)
    _weigh_declaration(record, found)
    _weigh_watermark(record, found)
    if truth_of(record, "conflict"):
        found.neither.append("What the file declares and what its pixels say contradict each other.")
    return found


def limits_of(record: Record, has_heatmap: bool) -> list[str]:
    """What nothing here can tell of this image."""
    limits = [_limit_of_pixels(record)]
    quality, scale = number_of(record, "jpeg_quality"), number_of(record, "scale")
    if quality is not None and quality < 70:
        limits.append(f"What the image was before it was compressed: JPEG quality {quality:.0f} takes most traces.")
    if scale is not None and abs(scale - 1) > 0.05:
        limits.append("What the image was before it was resized, which takes traces of cameras and of generators.")
    declared = value_of(record, "declared")
    if declared == "none":
        limits.append("Why the file declares nothing: most web services take such data away.")
    elif declared is not None and value_of(record, "signature") != "valid":
        limits.append("Whether what the file declares is true: nobody who is trusted has signed it.")
    if "watermark" in record and value_of(record, "watermark") is None:
        limits.append(
            "Whether there was a watermark: few generators write one that is known here, and resizing removes it."
        )
    if has_heatmap:
        limits.append("What was edited: the heat map shows which parts moved the score, not the outline of an edit.")
    return [*limits, "Whether what the image shows is true: a photograph may be staged, or have a false caption."]


def tone_of(record: Record) -> str:
    """What the conclusion leans to, for its color: "generated", "real", "open" or "error".

    A valid signature outranks a watermark, and that the pixels. A contradiction leaves it open.
    """
    declared, signature = value_of(record, "declared"), value_of(record, "signature")
    if signature == "valid" and declared in _DECLARED:
        return "real" if declared == "camera" else "generated"
    if truth_of(record, "conflict"):
        return "open"
    if value_of(record, "watermark") is not None:
        return "generated"
    if value_of(record, "verdict") is None:
        return "error"
    return {GENERATED: "generated", REAL: "real"}.get(str(record["verdict"]), "open")


def _weigh_pixels(record: Record, found: Evidence) -> None:
    verdict, probability = value_of(record, "verdict"), number_of(record, "probability")
    if verdict is None or probability is None:
        found.neither.append("The pixels were not judged.")
        return
    low, high = number_of(record, "probability_min"), number_of(record, "probability_max")
    copies = "" if low is None or high is None else f"; {low:.3f} to {high:.3f} with recompressed copies"
    numbers = f"(probability of being generated {probability:.3f}{copies})"
    if truth_of(record, "stable") is False:
        found.neither.append(f"The verdict on the pixels changes when the image is recompressed {numbers}.")
    elif verdict == GENERATED:
        found.generated.append(f"The pixels look generated {numbers}.")
    elif verdict == REAL:
        found.camera.append(f"The pixels look like those of a camera {numbers}.")
    else:
        found.neither.append(f"The pixels say too little for either {numbers}.")


def _weigh_declaration(record: Record, found: Evidence) -> None:
    declared, signature = value_of(record, "declared"), value_of(record, "signature")
    if declared not in _DECLARED:
        if signature == "invalid":
            found.neither.append("The file has a signed declaration, but its signature is invalid.")
        elif declared is not None:
            found.neither.append("The file does not say how it was made.")
        return
    source = text_of(record, "declared_by")
    by = f" ({source})" if source else ""
    sentence = f"The file declares {_DECLARED[declared]}{by}. {_SIGNED.get(str(signature), _UNSIGNED)}"
    if signature == "invalid":
        found.neither.append(sentence)
    else:
        (found.camera if declared == "camera" else found.generated).append(sentence)


def _weigh_watermark(record: Record, found: Evidence) -> None:
    name, chance = text_of(record, "watermark"), number_of(record, "watermark_fpr")
    if name is None:
        return
    odds = "" if chance is None else f" Of images without one, {_rate(chance)} would seem to carry it."
    found.generated.append(f"The pixels carry the invisible watermark of {name}.{odds}")


def _rate(chance: float) -> str:
    """A small probability for people: one in so many, in two digits."""
    if chance < 1e-12:
        return "fewer than 1 in 1,000,000,000,000"
    return f"1 in {float(f'{1 / chance:.2g}'):,.0f}"


def _limit_of_pixels(record: Record) -> str:
    verdict = value_of(record, "verdict")
    if verdict == REAL:
        return "That no generator made it: one that the model never saw may leave no trace that it knows."
    if verdict == GENERATED:
        return (
            "Whether it is a photograph that only looks generated, as after strong denoising, enlarging or retouching; "
            "and, from the pixels, which generator made it."
        )
    if verdict == INCONCLUSIVE:
        return "From the pixels, whether it is generated: they have too few traces, or traces of both kinds."
    return "From the pixels, whether it is generated: they could not be judged."
