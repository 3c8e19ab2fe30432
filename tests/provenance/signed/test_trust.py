"""Lists of certificates: those that a user names, and those that ship."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from pathlib import Path

import pytest

from tools.sign_demo import make_identity
from vision.errors import UsageError
from vision.provenance.signed import TrustSettings, load_trust
from vision.provenance.signed import trust as trust_module

FOLDER = Path(trust_module.__file__).with_name("trust")


def test_certificates_alone_are_taken(tmp_path: Path) -> None:
    first, second = make_identity("One").pem(), make_identity("Two").pem()
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    (tmp_path / "list.pem").write_text(f"Subject\tCN=One\n{first}\n{key}{second}")
    assert load_trust(tmp_path / "list.pem").certificates == first + second
    assert load_trust(tmp_path / "list.pem") == load_trust(str(tmp_path)) == TrustSettings(first + second)
    assert load_trust(tmp_path, shipped=False).shipped is False


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.pem", None, "is not there"),
        ("empty.pem", "", "holds no certificate; expected PEM"),
        ("text.pem", "-----BEGIN CERTIFICATE-----", "holds no certificate; expected PEM"),
        (
            "bad.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "holds a damaged certificate; expected X.509 in PEM",
        ),
        ("large.pem", "a" * (4 << 20) + "b", "has more than 4 MiB of certificates"),
    ],
)
def test_what_is_no_list(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        load_trust(path)
    assert (caught.value.code, caught.value.value) == ("bad-trust-list", str(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem")
    with pytest.raises(UsageError, match="is no file"):
        load_trust(tmp_path)


def test_a_folder_without_certificates(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text(make_identity("One").pem())
    with pytest.raises(UsageError, match="holds no certificate"):
        load_trust(tmp_path)


def test_the_lists_that_ship_are_those_of_the_notice() -> None:
    notice = (FOLDER / "NOTICE.md").read_text("utf-8")
    assert f"on {trust_module.SHIPPED_DATE}." in notice
    rows = re.findall(r"\| `([a-z-]+\.pem)` \| (\d+) .* ([0-9a-f]{64}) \|", notice)
    assert {name for name, *_ in rows} == {path.name for path in FOLDER.glob("*.pem")}
    for name, count, digest in rows:
        data = (FOLDER / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
        assert data.count(b"-----BEGIN CERTIFICATE-----") == int(count)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=data.decode("ascii"))
        assert context.cert_store_stats()["x509"] == int(count)


def test_what_the_library_is_told() -> None:
    named = TrustSettings("PEM", shipped=False).anchors()
    assert named == [
        {"trust_kind": "tsa", "trust_uri": "time-stamps", "trust_anchors": "PEM"},
        {"trust_kind": "manifest", "trust_uri": "named", "trust_anchors": "PEM", "allowed_list": "PEM"},
    ]
    assert TrustSettings(shipped=False).anchors() == []
    kinds = [(one["trust_kind"], one["trust_uri"]) for one in TrustSettings().anchors()]
    assert kinds == [("tsa", "time-stamps"), ("manifest", "signers")]
