"""tools/sign_demo.py: what it signs holds for whoever trusts the demo's authority, and for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tools.sign_demo import main, sign_demo
from vision.provenance.signed import TrustSettings, load_trust, read_signed


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (48, 32), "teal").save(path)
    return path


def test_a_signed_copy(photo: Path) -> None:
    signed = photo.with_name("signed.jpg")
    authority = sign_demo(photo, signed)
    claim = read_signed(signed, TrustSettings(authority))
    assert claim is not None and claim.signature == "valid"
    assert (claim.signer, claim.issuer) == ("Demo signer, vouches for nothing", "Demo authority, vouches for nothing")
    assert claim.claim_generator == "neighborhood-vision demo 1.0"
    assert claim.source_type == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    stranger = read_signed(signed)
    assert stranger is not None and stranger.signature == "untrusted"
    assert read_signed(photo) is None


def test_the_command(photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    signed, certificate = photo.with_name("signed.jpg"), photo.with_name("authority.pem")
    words = ["sign_demo", str(photo), str(signed), "--source-type", "digitalCapture", "--certificate", str(certificate)]
    monkeypatch.setattr("sys.argv", words)
    assert main() == 0
    claim = read_signed(signed, load_trust(certificate))
    assert claim is not None and claim.signature == "valid"
    assert claim.actions == ("c2pa.created: digitalCapture",)
    monkeypatch.setattr("sys.argv", ["sign_demo", "photo.gif", str(signed)])
    assert main() == 2
    assert "has the suffix '.gif'; expected one of .jpg" in capsys.readouterr().err
