"""What a file declares, and what says so: terms of IPTC's vocabulary, and which claim comes first."""

from __future__ import annotations

import re

import pytest

from vision.provenance import declare, parse_generator
from vision.provenance.claims import Declaration, GeneratorClaim, SignedClaim
from vision.provenance.source_types import DECLARED_BY_TERM, declared_by_type, rank, term_of

BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CANON = {"exif_make": "Canon", "exif_model": "Canon EOS R5"}
WEBUI = GeneratorClaim("AUTOMATIC1111", evidence="AUTOMATIC1111 parameters")

# IPTC's vocabulary in its version of 2025 and its retired terms, and C2PA's two.
TERMS = {
    "trainedAlgorithmicMedia": "ai-generated",
    "trainedAlgorithmicData": "ai-generated",
    "compositeWithTrainedAlgorithmicMedia": "ai-edited",
    "compositeSynthetic": "ai-edited",
    "digitalCapture": "camera",
    "computationalCapture": "camera",
    "negativeFilm": "camera",
    "positiveFilm": "camera",
    "print": "camera",
    "compositeCapture": "camera",
    "algorithmicallyEnhanced": "none",
    "algorithmicMedia": "none",
    "composite": "none",
    "dataDrivenMedia": "none",
    "digitalArt": "none",
    "digitalCreation": "none",
    "humanEdits": "none",
    "minorHumanEdits": "none",
    "screenCapture": "none",
    "softwareImage": "none",
    "virtualRecording": "none",
    "empty": "none",
}


def test_the_table_has_all_terms() -> None:
    assert DECLARED_BY_TERM == TERMS


@pytest.mark.parametrize(("term", "declared"), TERMS.items())
@pytest.mark.parametrize(
    "form",
    [
        "http://cv.iptc.org/newscodes/digitalsourcetype/{}",
        "https://cv.iptc.org/newscodes/digitalsourcetype/{}",
        "HTTP://CV.IPTC.ORG/NEWSCODES/DIGITALSOURCETYPE/{}",
        "http://cv.iptc.org/newscodes/digitalsourcetype/{}/ ",
        "http://c2pa.org/digitalsourcetype/{}",
        "digsrctype:{}",
        "{}",
    ],
)
def test_every_form_of_every_term(term: str, declared: str, form: str) -> None:
    for written in (term, term.lower(), term[0].upper() + term[1:]):
        assert term_of(form.format(written)) == term
        assert declared_by_type(form.format(written)) == declared


@pytest.mark.parametrize(
    ("written", "term"),
    [
        ("https://schema.org/TrainedAlgorithmicMediaDigitalSource", "trainedAlgorithmicMedia"),
        ("https://schema.org/AlgorithmicallyEnhancedDigitalSource", "algorithmicallyEnhanced"),
        ("Trained algorithmic media", "trainedAlgorithmicMedia"),
        ("Created using Generative AI", "trainedAlgorithmicMedia"),
        ("Edited using Generative AI", "compositeWithTrainedAlgorithmicMedia"),
        ("compositedWithTrainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"),
        ("Original digital capture sampled from real life", "digitalCapture"),
        ("trainedAlgorithmicMediaNot", None),
        ("http://cv.iptc.org/newscodes/digitalsourcetype/", None),
        ("digitalsource", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_names_and_what_is_none(written: str, term: str | None) -> None:
    assert term_of(written) == term


def test_of_several_terms_a_generators_is_the_first() -> None:
    terms = ["digitalCapture", "unknown", "composite", "compositeSynthetic", "trainedAlgorithmicMedia"]
    assert sorted(terms, key=rank) == [
        "trainedAlgorithmicMedia",
        "compositeSynthetic",
        "composite",
        "unknown",
        "digitalCapture",
    ]


def signed(signature: str = "valid", **values: object) -> SignedClaim:
    return SignedClaim(signature, "Adobe Inc.", "DigiCert", "Firefly 3", source_type=None, **values)  # type: ignore[arg-type]


def typed(term: str | None, signature: str = "valid", **values: object) -> SignedClaim:
    return SignedClaim(signature, "Signer", None, "Program 1", source_type=term and BASE + term, **values)  # type: ignore[arg-type]


def test_nothing_declares_nothing() -> None:
    assert declare({}) == Declaration("none", None, None, ())
    assert declare({"exif_software": "Editor 1"}) == Declaration("none", None, None, ())


@pytest.mark.parametrize("signature", ["valid", "untrusted"])
@pytest.mark.parametrize(
    ("term", "declared"), [("trainedAlgorithmicMedia", "ai-generated"), ("digitalCapture", "camera")]
)
def test_a_signature_that_holds_comes_first(signature: str, term: str, declared: str) -> None:
    other = {"camera": "trainedAlgorithmicMedia", "ai-generated": "digitalCapture"}[declared]
    found = declare({"xmp_digital_source_type": BASE + other}, typed(term, signature))
    says = {"camera": "ai-generated", "ai-generated": "camera"}[declared]
    remark = f"XMP DigitalSourceType says {says}"
    assert found == Declaration(declared, "C2PA: Program 1, signed by Signer", signature, (remark,))


def test_an_invalid_signature_is_said_and_comes_after_other_claims() -> None:
    broken = typed("digitalCapture", "invalid", remarks=("the hash of the pixels does not match",))
    said = "the C2PA signature is invalid: the hash of the pixels does not match"
    alone = declare(CANON, broken)
    assert alone == Declaration("camera", "C2PA: Program 1, with an invalid signature", "invalid", (said,))
    found = declare(CANON, broken, WEBUI)
    assert (found.declared, found.declared_by, found.signature) == (
        *("ai-generated", "AUTOMATIC1111 parameters", "invalid"),
    )
    assert found.remarks == (
        "C2PA: Program 1, with an invalid signature says camera",
        "EXIF make and model says camera",
        said,
    )


def test_order_of_what_nobody_signed() -> None:
    xmp = {"xmp_digital_source_type": BASE + "compositeWithTrainedAlgorithmicMedia", **CANON}
    found = declare(xmp, None, WEBUI)
    assert (found.declared, found.declared_by, found.signature) == ("ai-edited", "XMP DigitalSourceType", None)
    assert found.remarks == ("AUTOMATIC1111 parameters says ai-generated",)  # an edited photograph has a camera
    found = declare(CANON, None, WEBUI)
    assert (found.declared, found.declared_by) == ("ai-generated", "AUTOMATIC1111 parameters")
    assert found.remarks == ("EXIF make and model says camera",)
    edited = GeneratorClaim("Google AI", evidence="IPTC credit", edited=True)
    assert declare(CANON, None, edited) == Declaration("ai-edited", "IPTC credit", None, ())


@pytest.mark.parametrize(
    ("metadata", "by"),
    [
        (CANON, "EXIF make and model"),
        ({"exif_make": "Canon"}, "EXIF make"),
        ({"exif_model": "Pixel 9"}, "EXIF model"),
        ({"xmp_camera": "Canon; EOS R5"}, "XMP make and model"),
        ({"exif_make": "Black Forest Labs", "exif_model": "flux-dev"}, None),
        ({"exif_model": 'prompt:{"1": {}}', "exif_make": "Canon"}, None),
        ({"exif_make": 'workflow:{"nodes": []}'}, None),
        ({"exif_make": "Midjourney", "exif_model": "6"}, None),
    ],
)
def test_cameras_by_their_tags(metadata: dict[str, str], by: str | None) -> None:
    assert declare(metadata) == Declaration("camera" if by else "none", by, None, ())


def test_manifests_without_a_source_type_are_read_by_their_actions() -> None:
    def declared(**values: object) -> str:
        return declare({}, SignedClaim("valid", "S", **values)).declared  # type: ignore[arg-type]

    assert declared(claim_generator="Photo Editor", actions=("c2pa.created by DALL·E",)) == "ai-generated"
    assert (
        declared(claim_generator="Photo Editor", actions=("c2pa.opened", "c2pa.edited: Adobe Firefly")) == "ai-edited"
    )
    assert declared(claim_generator="Midjourney 6") == "ai-generated"
    assert declared(claim_generator="Photo Editor", actions=("c2pa.cropped",)) == "none"
    assert declared(claim_generator="ChatGPT", source_type=BASE + "humanEdits") == "none"


def test_what_says_nothing_is_remarked() -> None:
    found = declare({"xmp_digital_source_type": BASE + "screenCapture"})
    assert found.declared == "none" and found.declared_by is None
    assert found.remarks == ("XMP DigitalSourceType is screenCapture: neither a generator nor a camera",)
    found = declare({"xmp_digital_source_type": "made\x1b[31m up"})
    assert found.remarks == ("XMP DigitalSourceType is no known term: made [31m up",)
    note = f"source types contradict each other: {BASE}trainedAlgorithmicMedia, {BASE}digitalCapture"
    metadata = {"xmp_digital_source_type": BASE + "trainedAlgorithmicMedia", "provenance_notes": f"XMP is odd; {note}"}
    assert declare(metadata).remarks == (note,)
    label = {"xmp_aigc": '{"Label": "3", "ContentProducer": "x"}'}
    assert declare(label) == Declaration("none", None, None, ("AIGC label 3: a generator may have made it",))
    label = {"xmp_aigc": '{"Label": "1", "ContentProducer": "x"}'}
    found = declare(label, None, parse_generator(label))
    assert (found.declared, found.declared_by, found.remarks) == ("ai-generated", "AIGC label (GB 45438)", ())


def test_names_of_strangers_are_one_short_line() -> None:
    claim = SignedClaim("valid", "a\x1b[2J\nb" * 1000, None, "\u202eevil" * 1000, source_type="trainedAlgorithmicMedia")
    by = declare({}, claim).declared_by
    assert by is not None and by.isprintable() and len(by) < 1000 and re.match("C2PA: evil", by)
