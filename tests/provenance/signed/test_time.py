"""Certificates end: then a time stamp tells whether they were valid when they signed, if its authority is trusted."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tools.sign_demo import Identity, make_identity
from vision.provenance.signed import TrustSettings

ENDED = "the certificate was not valid when it signed, as far as the file tells"
TIME_UNKNOWN = "the time of signing is told by an authority on no trusted list"
SETTINGS = """
[tsa]
default_tsa = clock
[clock]
serial = {0}/serial
signer_cert = {0}/clock.pem
signer_key = {0}/key.pem
certs = {0}/authority.pem
signer_digest = sha256
digests = sha256, sha384, sha512
default_policy = 1.2.3.4.1
"""


@pytest.fixture(scope="module")
def clock_authority() -> Identity:
    return make_identity("Clock authority")


@pytest.fixture(scope="module")
def clock(clock_authority: Identity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an authority for time stamps, which is OpenSSL behind a server."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make time stamps with")
    folder = tmp_path_factory.mktemp("clock")
    signer = make_identity("Clock", clock_authority, use=ExtendedKeyUsageOID.TIME_STAMPING)
    files = {"clock.pem": signer.pem(), "authority.pem": clock_authority.pem(), "key.pem": signer.key_pem().decode()}
    for name, text in {**files, "serial": "01\n", "settings": SETTINGS.format(folder)}.items():
        (folder / name).write_text(text)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            stamp = time_stamp(folder, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(stamp)))
            self.end_headers()
            self.wfile.write(stamp)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def time_stamp(folder: Path, query: bytes) -> bytes:
    (folder / "query").write_bytes(query)
    words = ["openssl", "ts", "-reply", "-config", "settings", "-queryfile", "query", "-out", "reply"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return (folder / "reply").read_bytes()


def ended(signing: Any, clock: str | None) -> bytes:
    """A file whose signer's certificate was valid when it signed, and is no more."""
    brief = make_identity("Brief signer", signing.authority, (-1, 3 / 86400))
    data: bytes = signing.sign(signer=brief, clock=clock)
    time.sleep(max(0.0, brief.certificate.not_valid_after_utc.timestamp() + 1 - time.time()))
    return data


def test_without_a_time_stamp_nothing_tells(signing: Any) -> None:
    claim = signing.claim(ended(signing, None), signing.trust)
    assert (claim.signature, claim.signed_at) == ("invalid", None)
    assert ENDED in claim.remarks


def test_a_trusted_time_stamp_tells(signing: Any, clock: str, clock_authority: Identity) -> None:
    data = ended(signing, clock)
    both = signing.claim(data, TrustSettings(signing.authority.pem() + clock_authority.pem()))
    assert (both.signature, both.remarks) == ("valid", ())
    assert both.signed_at is not None
    assert time.strptime(both.signed_at, "%Y-%m-%dT%H:%M:%S+00:00") <= time.gmtime()
    unknown = signing.claim(data, signing.trust)
    assert unknown.signature == "invalid" and ENDED in unknown.remarks and TIME_UNKNOWN in unknown.remarks
    stranger = signing.claim(data, TrustSettings(clock_authority.pem()))
    assert (stranger.signature, stranger.remarks) == ("untrusted", ("the signer is on no trusted list",))
