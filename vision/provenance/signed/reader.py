"""From a file to what its C2PA manifest store says, validated."""

from __future__ import annotations

import os
from typing import Any

from vision.images import ImageError, open_regular
from vision.provenance.claims import SignedClaim
from vision.provenance.signed.child import library_folder, validate
from vision.provenance.signed.store import find_store
from vision.provenance.signed.summary import INVALID, summarize
from vision.provenance.signed.trust import TrustSettings

MAX_STORE = 64 << 20


def is_available() -> bool:
    """Whether c2pa-python is installed, without which nothing is validated."""
    return library_folder() is not None


def read_signed(path: str | os.PathLike[str], trust: TrustSettings | None = None) -> SignedClaim | None:
    """Validate the C2PA manifest store of a JPEG, PNG, WebP, AVIF, HEIF, JPEG XL, MP4, GIF or TIFF file.

    Nothing is fetched: neither manifests that are kept elsewhere, nor whether a certificate was revoked since. The
    library runs in a process of its own, with bounds on time and (not on Windows) memory.

    Args:
        path: of the file.
        trust: whose signatures count; by default those on the lists that ship.

    Returns:
        None for a file without a manifest store, and where c2pa-python is not installed or does not load.
    """
    if not is_available():
        return None
    try:
        with open_regular(path) as file:
            store = find_store(file)
    except (ImageError, OSError):
        return None
    if store is None:
        return None
    if store.size > MAX_STORE:
        reason = f"the manifest store claims {store.size:,} bytes; more than {MAX_STORE:,} are not read"
        return SignedClaim(INVALID, remarks=(reason,))
    try:
        answer = validate(path, store.media_type, _settings(trust or TrustSettings()))
    except OSError:  # no process could be started, or the file is gone
        return None
    return None if "unusable" in answer else summarize(answer)


def _settings(trust: TrustSettings) -> dict[str, Any]:
    offline = {"remote_manifest_fetch": False, "ocsp_fetch": False}
    core = {"allowed_network_hosts": [], "allow_redirects": False, "decode_identity_assertions": False}
    return {
        "verify": {"verify_trust": True, "verify_timestamp_trust": True, **offline},
        "core": {**core, "max_decompressed_manifest_size_in_mb": MAX_STORE >> 20},
        "trust": {"anchors": trust.anchors()},
    }
