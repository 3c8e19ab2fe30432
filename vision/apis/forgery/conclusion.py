"""One conclusion about an image in plain words, from pixels, declaration and watermark: a table of rules."""

from __future__ import annotations

from typing import NamedTuple

from vision.provenance.claims import AI_EDITED, AI_GENERATED, CAMERA, UNDECLARED, Declaration
from vision.structures.forgery import GENERATED, INCONCLUSIVE, REAL

UNCLEAR = "unclear"
SIGNED_BY = "C2PA"  # what `declared_by` begins with where the signed part of the file says it
KINDS = (AI_GENERATED, AI_EDITED, CAMERA, REAL, UNCLEAR)
VALID, UNTRUSTED, INVALID = "valid", "untrusted", "invalid"
_SILENT = "silent"  # a valid signature of somebody who does not say how the image was made


class Conclusion(NamedTuple):
    """What all evidence comes to.

    Attributes:
        kind: one of `KINDS`. "camera" is what a valid signature says, "real" what the pixels look like.
        text: short sentences.
        conflict: whether the declaration says something else than pixels or watermark.
    """

    kind: str
    text: str
    conflict: bool


class _Rule(NamedTuple):
    """What an image comes to for which all of this holds; None holds for any."""

    kind: str
    text: str
    declared: str | None = None
    trust: tuple[str | None, ...] | None = None
    watermark: bool | None = None
    verdict: str | None = None


_SIGNED = (VALID,)
_CLAIMED = (None, UNTRUSTED, _SILENT)  # nobody known stands for it: it is shown, and never enough alone

# The first rule that holds decides. A valid signature outranks all but a watermark that contradicts it, a watermark
# outranks the pixels' verdict. Claims without a signature can only take away trust in "real": a generator's texts in a
# file that looks real are worth a second look, whereas a camera's name is too easily written to clear anything.
_RULES = (
    _Rule(
        UNCLEAR,
        "Unclear: a valid signature says that a camera took it, but it carries the watermark of a generator.",
        CAMERA,
        _SIGNED,
        watermark=True,
    ),
    _Rule(AI_GENERATED, "AI-generated: a valid signature says so.", AI_GENERATED, _SIGNED),
    _Rule(AI_EDITED, "Edited with AI: a valid signature says so.", AI_EDITED, _SIGNED),
    _Rule(CAMERA, "Taken by a camera: a valid signature says so.", CAMERA, _SIGNED),
    _Rule(AI_GENERATED, "AI-generated: it carries the invisible watermark of a generator.", watermark=True),
    _Rule(AI_GENERATED, "Probably AI-generated: the pixels look so.", verdict=GENERATED),
    _Rule(UNCLEAR, "Unclear: the pixels look like a photograph.", AI_GENERATED, _CLAIMED, verdict=REAL),
    _Rule(UNCLEAR, "Unclear: the pixels look like a photograph.", AI_EDITED, _CLAIMED, verdict=REAL),
    _Rule(REAL, "Probably real: the pixels look like a photograph.", verdict=REAL),
    _Rule(UNCLEAR, "Unclear: the pixels do not tell.", verdict=INCONCLUSIVE),
    _Rule(UNCLEAR, "Unclear: the pixels were not judged."),
)

_CLAIMS = {
    AI_GENERATED: "The file says that AI made it",
    AI_EDITED: "The file says that AI edited it",
    CAMERA: "The file says that a camera took it",
    UNDECLARED: "",
}
# Behind a claim, and alone where the file claims nothing.
_TRUST = {
    None: (", but nobody signed that.", ""),
    UNTRUSTED: (", but its signer is not trusted.", "It is signed, but its signer is not trusted."),
    INVALID: (", but its signature is invalid.", "Its signature is invalid."),
    _SILENT: (", but its signature does not.", "Its signature is valid, but does not say how it was made."),
    VALID: ("", ""),
}
_CONFLICT = "File and pixels contradict each other."


def conclude(
    verdict: str | None, declaration: Declaration, has_watermark: bool = False, reason: str | None = None
) -> Conclusion:
    """The conclusion about one image.

    Args:
        verdict: of the pixels: "real", "ai-generated", "inconclusive"; None where they were not judged.
        declaration: what the file says.
        has_watermark: whether the pixels carry a generator's watermark.
        reason: why the verdict is "inconclusive", in a few words.
    """
    declared, trust = declaration.declared, _trust(declaration)
    rule = next(rule for rule in _RULES if _holds(rule, declared, trust, has_watermark, verdict))
    head = rule.text
    if reason and rule.verdict == INCONCLUSIVE:
        head = f"{head[:-1]} ({reason})."
    conflict = _contradicts(declared, verdict, has_watermark)
    sentences = (head, _claim(declared, trust), _CONFLICT if conflict else "")
    return Conclusion(rule.kind, " ".join(filter(None, sentences)), conflict)


def _trust(declaration: Declaration) -> str | None:
    """What stands behind the claim: the signature, if it is the signed part of the file that makes the claim."""
    is_signed = declaration.declared != UNDECLARED and (declaration.declared_by or "").startswith(SIGNED_BY)
    return _SILENT if declaration.signature == VALID and not is_signed else declaration.signature


def _holds(rule: _Rule, declared: str, trust: str | None, has_watermark: bool, verdict: str | None) -> bool:
    return (
        rule.declared in (None, declared)
        and (rule.trust is None or trust in rule.trust)
        and rule.watermark in (None, has_watermark)
        and rule.verdict in (None, verdict)
    )


def _contradicts(declared: str, verdict: str | None, has_watermark: bool) -> bool:
    if declared == CAMERA:
        return verdict == GENERATED or has_watermark
    return declared == AI_GENERATED and verdict == REAL


def _claim(declared: str, trust: str | None) -> str:
    """What the file says, and why that alone is not enough; nothing where a valid signature has said it already."""
    claim, (behind, alone) = _CLAIMS[declared], _TRUST[trust]
    if not claim:
        return alone
    return f"{claim}{behind}" if behind else ""
