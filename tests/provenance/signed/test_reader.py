"""Manifest stores that the tests signed: what they say, and whether it holds."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tools.sign_demo import SOURCE_TYPES, make_identity
from vision.provenance.claims import SignedClaim
from vision.provenance.signed import TrustSettings, load_trust, read_signed

KINDS = ["JPEG", "PNG", "WEBP", "AVIF", "HEIC", "MP4"]
UNKNOWN = "the signer is on no trusted list"


@pytest.mark.parametrize("kind", KINDS)
def test_each_container_is_validated(signing: Any, kind: str) -> None:
    data = signing.sign(kind)
    expected = SignedClaim(
        "valid",
        signer="Test signer",
        issuer="Test authority",
        claim_generator="Test program 1.0",
        actions=("c2pa.created: trainedAlgorithmicMedia",),
        source_type="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    )
    assert signing.claim(data, signing.trust) == expected
    stranger = signing.claim(data)
    assert (stranger.signature, stranger.remarks) == ("untrusted", (UNKNOWN,))
    assert stranger.source_type == expected.source_type and stranger.signer == "Test signer"
    assert signing.read(signing.file(kind)) is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "MP4"])
def test_changed_pixels_are_told(signing: Any, kind: str) -> None:
    data = bytearray(signing.sign(kind))
    place = {"JPEG": -30, "PNG": data.find(b"IDAT") + 8, "WEBP": data.find(b"VP8 ") + 20}.get(kind)
    data[data.find(b"mdat") + 20 if place is None else place] ^= 1
    claim = signing.claim(bytes(data), signing.trust)
    assert claim.signature == "invalid"
    assert claim.remarks == ("the image was changed after it was signed",)
    assert claim.signer == "Test signer"


def test_a_camera(signing: Any) -> None:
    capture = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "digitalCapture"}
    capture["softwareAgent"] = {"name": "Camera 1", "version": "2.3"}
    claim = signing.claim(signing.sign("JPEG", capture), signing.trust)
    assert claim.source_type == SOURCE_TYPES + "digitalCapture"
    assert claim.actions == ("c2pa.created: digitalCapture, by Camera 1 2.3",)


def test_an_edit_does_not_hide_the_origin(signing: Any) -> None:
    """The ingredient was generated; the active manifest only says that it was opened and its colors changed."""
    generated = signing.sign("PNG")
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["origin"]}}
    description = {"title": "cat.png", "relationship": "parentOf", "instance_id": "origin", "label": "origin"}
    data = signing.sign(
        "JPEG", opened, {"action": "c2pa.color_adjustments"}, ingredients=[(description, "image/png", generated)]
    )
    claim = signing.claim(data, signing.trust)
    assert claim.signature == "valid"
    assert claim.actions == ("c2pa.opened", "c2pa.color_adjustments")
    assert claim.ingredients == ("parentOf: cat.png",)
    assert claim.source_type == SOURCE_TYPES + "trainedAlgorithmicMedia"
    assert claim.remarks == ("the image that it was made from is declared as trainedAlgorithmicMedia",)


def test_a_generated_component_is_a_remark(signing: Any) -> None:
    capture = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "digitalCapture"}
    part = ({"title": "sky.png", "relationship": "componentOf"}, "image/png", signing.sign("PNG"))
    claim = signing.claim(signing.sign("JPEG", capture, ingredients=[part]), signing.trust)
    assert claim.source_type == SOURCE_TYPES + "digitalCapture"
    assert claim.ingredients == ("componentOf: sky.png",)
    assert claim.remarks == ("a component is declared as trainedAlgorithmicMedia: sky.png",)


def test_the_signer_itself_may_be_trusted(signing: Any) -> None:
    data = signing.sign()
    assert signing.claim(data, TrustSettings(signing.signer.pem())).signature == "valid"
    assert (
        signing.claim(data, TrustSettings(make_identity("Another", signing.authority).pem())).signature == "untrusted"
    )
    assert signing.claim(data, TrustSettings(make_identity("Test authority").pem())).signature == "untrusted"


def test_authorities_of_time_stamps_vouch_for_no_signer(signing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = {"time-stamps": signing.authority.pem(), "signers": make_identity("Another").pem()}
    monkeypatch.setattr("vision.provenance.signed.trust._shipped", lists.__getitem__)
    data = signing.sign()
    assert (signing.claim(data).signature, signing.claim(data).remarks) == ("untrusted", (UNKNOWN,))
    lists["signers"] = signing.authority.pem()  # on both lists
    assert signing.claim(data).signature == "valid"
    assert signing.claim(data, TrustSettings(shipped=False)).signature == "untrusted"


def test_texts_are_single_harmless_lines(signing: Any) -> None:
    named = {"action": "c2pa.created\x1b[31m", "softwareAgent": {"name": "<b>Evil\n\x07\u202eeman"}}
    part = (
        {"title": "a\r\n\x1b]0;title\x07" + "b" * 1000, "relationship": "componentOf"},
        "image/png",
        signing.file("PNG"),
    )
    claim = signing.claim(signing.sign("JPEG", named, ingredients=[part]), signing.trust)
    assert claim.actions == ("c2pa.created [31m: by <b>Evil eman",)
    assert claim.ingredients[0].startswith("componentOf: a ]0;title b") and len(claim.ingredients[0]) <= 320
    assert all(text.isprintable() for text in (*claim.actions, *claim.ingredients, *claim.remarks))


def test_without_the_library_nothing_is_said(signing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from vision.provenance.signed import is_available

    data = signing.sign()
    assert is_available()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not is_available() and signing.read(data) is None


def test_what_is_no_file(signing: Any) -> None:
    assert read_signed(signing.folder) is read_signed(signing.folder / "missing") is None
    for data in (b"", b"\xff\xd8", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x08ftyp", b"no image"):
        assert signing.read(data) is None


def test_names_of_files_may_be_any(signing: Any, tmp_path: Any) -> None:
    data = signing.sign()
    for name in ("\u00e4 \u732b\n.jpg", os.fsdecode(b"not utf-8 \xff.jpg")):
        (tmp_path / name).write_bytes(data)
        claim = read_signed(tmp_path / name, signing.trust)
        assert claim is not None and claim.signature == "valid"


def test_a_list_from_a_folder(signing: Any, tmp_path: Any) -> None:
    (tmp_path / "a.pem").write_text(make_identity("Another").pem())
    (tmp_path / "b.crt").write_text("Subject of the next\n" + signing.authority.pem())
    (tmp_path / "readme.txt").write_text("no certificate")
    assert signing.claim(signing.sign(), load_trust(tmp_path)).signature == "valid"
