"""Whose signatures count: certificates that a user names, and the lists of C2PA that ship, with source and date."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vision.errors import UsageError

# Both as published at github.com/c2pa-org/conformance-public; `trust/NOTICE.md` says more.
SHIPPED_DATE = "2026-08-11"
TIME_STAMPS, SIGNERS = "time-stamps", "signers"  # the lists that ship
MAX_LIST = 4 << 20
_SUFFIXES = (".pem", ".crt", ".cer", ".cert")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


@dataclass(frozen=True)
class TrustSettings:
    """Whose signatures count.

    Attributes:
        certificates: PEM, of authorities and of signers themselves.
        shipped: whether the lists of C2PA's conformance program that ship count too.
    """

    certificates: str = ""
    shipped: bool = True

    def anchors(self) -> list[dict[str, str]]:
        """For the library's setting `trust.anchors`; what the user names counts for signers and for time stamps."""
        shipped = [("tsa", TIME_STAMPS), ("manifest", SIGNERS)] if self.shipped else []
        anchors = [{"trust_kind": kind, "trust_uri": name, "trust_anchors": _shipped(name)} for kind, name in shipped]
        if self.certificates:
            named = {"trust_anchors": self.certificates, "allowed_list": self.certificates}
            anchors.append({"trust_kind": "tsa", "trust_uri": TIME_STAMPS, "trust_anchors": self.certificates})
            anchors.append({"trust_kind": "manifest", "trust_uri": "named", **named})
        return anchors


def load_trust(path: str | os.PathLike[str], shipped: bool = True) -> TrustSettings:
    """Certificates of a PEM file, or of all such files of a folder (.pem, .crt, .cer, .cert; subfolders are not read).

    Raises:
        UsageError: nothing there can be read as a certificate, or it is more than 4 MiB; code "bad-trust-list".
    """
    import ssl  # not needed where nobody names a list

    path = Path(path)
    certificates = "\n".join(_CERTIFICATE.findall(_text(path)))
    if not certificates:
        raise _bad(path, "holds no certificate; expected PEM, which begins with -----BEGIN CERTIFICATE-----")
    try:  # the C2PA library would leave damaged ones out and say nothing
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError):
        raise _bad(path, "holds a damaged certificate; expected X.509 in PEM") from None
    return TrustSettings(certificates + "\n", shipped)


def _text(path: Path) -> str:
    pieces, left = [], MAX_LIST
    try:
        names = sorted(path.iterdir()) if path.is_dir() else [path]
        for name in names:
            if name != path and name.suffix.lower() not in _SUFFIXES:
                continue
            if not name.is_file():  # a pipe would not end
                raise _bad(name, "is no file; expected certificates in PEM" if name.exists() else "is not there")
            with open(name, "rb") as file:
                pieces.append(file.read(left + 1).decode("latin-1"))
            left -= len(pieces[-1])
            if left < 0:
                raise _bad(path, f"has more than {MAX_LIST >> 20} MiB of certificates")
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror or error}") from None
    return "\n".join(pieces)


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(f"trust list {str(path)!r} {why}", code="bad-trust-list", value=str(path))


def _shipped(name: str) -> str:
    return Path(__file__).with_name("trust").joinpath(f"{name}.pem").read_text("utf-8")
