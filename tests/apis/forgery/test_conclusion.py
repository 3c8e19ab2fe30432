"""The table of rules, over everything that can be known of an image."""

from __future__ import annotations

import itertools

import pytest

from vision.apis.forgery.conclusion import KINDS, Conclusion, conclude
from vision.structures.provenance import Declaration

VERDICTS = ("real", "ai-generated", "inconclusive", None)
DECLARED = ("ai-generated", "ai-edited", "camera", "none")
SIGNATURES = (None, "valid", "untrusted", "invalid")
ALL = list(itertools.product(VERDICTS, DECLARED, SIGNATURES, (False, True)))


def conclusion(verdict: str | None, declared: str, signature: str | None, watermark: bool) -> Conclusion:
    return conclude(verdict, Declaration(declared, signature and "C2PA: Somebody", signature), watermark)


def expected_kind(verdict: str | None, declared: str, signature: str | None, watermark: bool) -> str:
    """The rules once more, from the top of what counts most, as nested questions instead of a table."""
    if signature == "valid" and declared != "none":
        return "unclear" if declared == "camera" and watermark else declared
    if watermark or verdict == "ai-generated":
        return "ai-generated"
    if verdict != "real":
        return "unclear"
    says_ai = declared in ("ai-generated", "ai-edited") and signature != "invalid"
    return "unclear" if says_ai else "real"


@pytest.mark.parametrize("case", ALL, ids=str)
def test_every_combination(case: tuple[str | None, str, str | None, bool]) -> None:
    verdict, declared, signature, watermark = case
    found = conclusion(*case)
    assert found.kind == expected_kind(*case) and found.kind in KINDS
    against_camera = verdict == "ai-generated" or watermark
    conflict = (declared == "camera" and against_camera) or (declared == "ai-generated" and verdict == "real")
    assert found.conflict == conflict == ("contradict each other" in found.text)
    assert ("signature is invalid" in found.text) == (signature == "invalid")
    assert ("not trusted" in found.text) == (signature == "untrusted")
    assert ("nobody signed that" in found.text) == (signature is None and declared != "none")
    assert ("valid signature" in found.text) == (signature == "valid" and declared != "none")
    sentences = found.text.split(". ")
    assert 1 <= len(sentences) <= 3 and found.text.endswith(".")
    assert all(len(sentence) <= 110 for sentence in sentences)


def test_a_claim_without_a_signature_never_decides_alone() -> None:
    for declared, signature in itertools.product(DECLARED, (None, "untrusted", "invalid")):
        for verdict in ("inconclusive", None):
            assert conclusion(verdict, declared, signature, False).kind == "unclear"
        assert conclusion("ai-generated", declared, signature, False).kind == "ai-generated"


@pytest.mark.parametrize(
    ("case", "kind", "text"),
    [
        (("real", "none", None, False), "real", "Probably real: the pixels look like a photograph."),
        (("ai-generated", "none", None, False), "ai-generated", "Probably AI-generated: the pixels look so."),
        (
            ("real", "none", None, True),
            "ai-generated",
            "AI-generated: it carries the invisible watermark of a generator.",
        ),
        (
            ("ai-generated", "camera", "valid", False),
            "camera",
            "Taken by a camera: a valid signature says so. File and pixels contradict each other.",
        ),
        (
            ("ai-generated", "camera", None, False),
            "ai-generated",
            "Probably AI-generated: the pixels look so. The file says that a camera took it, but nobody signed that. "
            "File and pixels contradict each other.",
        ),
        (
            ("real", "ai-generated", "untrusted", False),
            "unclear",
            "Unclear: the pixels look like a photograph. The file says that AI made it, but its signer is not trusted. "
            "File and pixels contradict each other.",
        ),
        (
            ("real", "camera", "invalid", False),
            "real",
            "Probably real: the pixels look like a photograph. The file says that a camera took it, but its "
            "signature is invalid.",
        ),
        (
            ("inconclusive", "none", "valid", False),
            "unclear",
            "Unclear: the pixels do not tell. Its signature is valid, but does not say how it was made.",
        ),
        ((None, "ai-edited", "valid", False), "ai-edited", "Edited with AI: a valid signature says so."),
    ],
)
def test_sentences(case: tuple[str | None, str, str | None, bool], kind: str, text: str) -> None:
    assert conclusion(*case)[:2] == (kind, text)


def test_the_reason_stands_in_the_sentence_where_the_pixels_do_not_tell() -> None:
    nothing = Declaration("none")
    reason = "JPEG quality 45: little evidence left"
    text = "Unclear: the pixels do not tell (JPEG quality 45: little evidence left)."
    assert conclude("inconclusive", nothing, reason=reason).text == text
    assert "45" not in conclude("inconclusive", nothing, True, reason).text
    assert "45" not in conclude("real", nothing, reason=reason).text


@pytest.mark.parametrize("declared_by", ["EXIF make and model", "XMP DigitalSourceType"])
def test_a_valid_signature_vouches_only_for_what_the_signed_part_says(declared_by: str) -> None:
    claim = Declaration("camera", declared_by, "valid")
    generated = conclude("ai-generated", claim)
    assert generated.kind == "ai-generated" and generated.conflict
    assert "The file says that a camera took it, but its signature does not." in generated.text
    assert conclude("inconclusive", claim).kind == "unclear"
