"""Nothing is fetched: manifests that are kept elsewhere, revocations, and identities stay where they are."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import c2pa
import pytest

from tools.sign_demo import make_identity
from vision.provenance.signed.reader import _settings
from vision.provenance.signed.trust import TrustSettings


class Server:
    """Takes connections and counts them; says nothing."""

    def __init__(self) -> None:
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/manifest.c2pa"
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.calls += 1
                connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.socket.close()


def test_the_library_itself_would_fetch(signing: Any, server: Server) -> None:
    with pytest.raises(c2pa.C2paError, match="could not fetch"):
        c2pa.Reader("image/png", io.BytesIO(signing.sign("PNG", remote=server.address)))
    assert server.calls == 1


def test_remote_manifests_are_not_fetched(signing: Any, server: Server) -> None:
    data = signing.sign("PNG", remote=server.address)
    assert signing.read(data, signing.trust) is None  # there is no store in the file
    hollow = data[:33] + struct.pack(">I4s4x", 0, b"caBX") + data[33:]
    claim = signing.claim(hollow, signing.trust)
    assert (claim.signature, claim.remarks) == ("invalid", ("the manifest is kept elsewhere and was not fetched",))
    assert server.calls == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
def test_limits_hold_where_settings_would_allow(signing: Any, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def allow(trust: TrustSettings) -> dict[str, Any]:
        return {"verify": {"remote_manifest_fetch": True, "ocsp_fetch": True}, "trust": {"anchors": trust.anchors()}}

    monkeypatch.setattr("vision.provenance.signed.reader._settings", allow)
    data = signing.sign("PNG", remote=server.address)
    assert signing.claim(data[:33] + struct.pack(">I4s4x", 0, b"caBX") + data[33:]).signature == "invalid"
    assert server.calls == 0


def test_revocation_is_not_asked_for(signing: Any, server: Server) -> None:
    signer = make_identity("Test signer", signing.authority, ocsp=server.address)
    data = signing.sign(signer=signer)
    assert signing.claim(data, signing.trust).signature == "valid"
    assert server.calls == 0
    settings = {"verify": {"ocsp_fetch": True}, "trust": {"anchors": signing.trust.anchors()}}
    c2pa.Reader("image/jpeg", io.BytesIO(data), context=c2pa.Context.from_dict(settings))
    assert server.calls == 1  # the library itself, when it may


def test_settings_forbid_each_kind_of_access() -> None:
    settings = _settings(TrustSettings(shipped=False))
    assert settings["verify"] == {
        "verify_trust": True,
        "verify_timestamp_trust": True,
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
    }
    assert settings["core"]["allowed_network_hosts"] == [] and settings["core"]["allow_redirects"] is False
    assert settings["core"]["decode_identity_assertions"] is False
