"""All that a file says of its origin, in one: signed manifest, IPTC's source type, generators' texts, a camera's tags.

What is signed comes first, what anyone can write with an editor of tags comes last, and what contradicts is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vision.provenance.claims import (
    AI_EDITED,
    AI_GENERATED,
    CAMERA,
    UNDECLARED,
    Declaration,
    GeneratorClaim,
    SignedClaim,
)
from vision.provenance.fields import NOTES, SOURCE_TYPE
from vision.provenance.generators.services import AI_LABEL, aigc_label, known_system
from vision.provenance.generators.texts import Texts
from vision.provenance.source_types import declared_by_type, term_of
from vision.provenance.text import one_line

MAX_LINE = 300
_INVALID = "invalid"
_CREATED = ("c2pa.created", "created")
_NO_CAMERA = ("prompt:", "workflow:", "{", "black forest labs", "ai generated")


class _Claim(NamedTuple):
    declared: str
    by: str


def declare(
    metadata: Mapping[str, str], signed: SignedClaim | None = None, generator: GeneratorClaim | None = None
) -> Declaration:
    """What the file declares, and what says so.

    A manifest whose signature holds comes first; then the source type of XMP, generators' texts, a manifest whose
    signature does not hold, and the camera's make and model, which anyone can write.

    Args:
        metadata: fields of `vision.provenance.read_provenance`.
        signed: of its C2PA manifest store; None without one.
        generator: of `parse_generator`.

    Returns:
        The first claim that says more than "none"; later ones that contradict it are its remarks.
    """
    texts = Texts(metadata)
    claims = [claim for claim in _claims(texts, signed, generator) if claim.declared != UNDECLARED]
    first = claims[0] if claims else _Claim(UNDECLARED, "")
    remarks = [f"{other.by} says {other.declared}" for other in claims[1:] if _contradict(first, other)]
    remarks += _remarks(texts, signed)
    return Declaration(
        first.declared, first.by or None, signed.signature if signed else None, tuple(dict.fromkeys(remarks))
    )


def _claims(texts: Texts, signed: SignedClaim | None, generator: GeneratorClaim | None) -> Iterator[_Claim]:
    if signed is not None and signed.signature != _INVALID:
        yield _signed(signed)
    yield _Claim(declared_by_type(texts.get(SOURCE_TYPE)), "XMP DigitalSourceType")
    if generator is not None:
        yield _Claim(AI_EDITED if generator.edited else AI_GENERATED, _line(generator.evidence or generator.generator))
    if signed is not None and signed.signature == _INVALID:
        yield _signed(signed)
    camera = _camera(texts)
    if camera is not None:
        yield _Claim(CAMERA, camera)


def _signed(signed: SignedClaim) -> _Claim:
    program = _line(signed.claim_generator or "unknown program")
    how = f"signed by {_line(signed.signer or 'an unknown signer')}"
    if signed.signature == _INVALID:
        how = "with an invalid signature"
    return _Claim(_declared_in(signed), f"C2PA: {program}, {how}")


def _declared_in(signed: SignedClaim) -> str:
    """By the source type; where a manifest has none, by what was done with which program."""
    declared = declared_by_type(signed.source_type)
    if declared != UNDECLARED or (signed.source_type and term_of(signed.source_type)):
        return declared
    by_actions = [action for action in signed.actions if known_system(action)]
    if any(action.lower().startswith(_CREATED) for action in by_actions):
        return AI_GENERATED
    if by_actions:
        return AI_EDITED
    return AI_GENERATED if known_system(signed.claim_generator) else UNDECLARED


def _camera(texts: Texts) -> str | None:
    """Where a camera is named; generators that write their own names there, or a graph, are none."""
    make, model = texts.get("exif_make"), texts.get("exif_model")
    if any(_is_no_camera(text) for text in (make, model)):
        return None
    named = " and ".join(name for name, text in (("make", make), ("model", model)) if text)
    if named:
        return f"EXIF {named}"
    camera = texts.get("xmp_camera")
    return "XMP make and model" if camera and not _is_no_camera(camera) else None


def _is_no_camera(text: str) -> bool:
    return text.lower().startswith(_NO_CAMERA) or known_system(text, whole=True) is not None


def _contradict(first: _Claim, other: _Claim) -> bool:
    """A photograph that a generator edited was taken by a camera all the same."""
    return first.declared != other.declared and {first.declared, other.declared} != {AI_EDITED, CAMERA}


def _remarks(texts: Texts, signed: SignedClaim | None) -> list[str]:
    remarks = []
    if signed is not None and signed.signature == _INVALID:
        reason = f": {_line(signed.remarks[0])}" if signed.remarks else ""
        remarks.append(f"the C2PA signature is invalid{reason}")
    remarks += [_line(note) for note in texts.get(NOTES).split("; ") if note.startswith("source types contradict")]
    source_type = texts.get(SOURCE_TYPE)
    term = term_of(source_type) if source_type else None
    if source_type and term is None:
        remarks.append(f"XMP DigitalSourceType is no known term: {_line(source_type)}")
    elif term is not None and declared_by_type(source_type) == UNDECLARED:
        remarks.append(f"XMP DigitalSourceType is {term}: neither a generator nor a camera")
    label = aigc_label(texts).get("Label")
    if label is not None and label != AI_LABEL:
        remarks.append(f"AIGC label {_line(label)}: a generator may have made it")
    return remarks


def _line(text: str) -> str:
    return one_line(text, MAX_LINE)
