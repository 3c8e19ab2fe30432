"""Files of all kinds that the tests sign themselves, with certificates made on the spot."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tools.sign_demo import SOURCE_TYPES, Identity, make_identity, make_manifest, sign
from vision.provenance.claims import SignedClaim
from vision.provenance.signed import TrustSettings, read_signed

CREATED = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "trainedAlgorithmicMedia"}
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif"}
MEDIA_TYPES |= {"HEIC": "image/heic", "MP4": "video/mp4"}


class Signing:
    """Signs files, and reads what they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = make_identity("Test authority")
        self.signer = make_identity("Test signer", self.authority)
        self.trust = TrustSettings(self.authority.pem())

    def file(self, kind: str) -> bytes:
        """A small picture; HEIC is one of AVIF under the other brand, since pixels are hashed and not decoded here."""
        if kind == "MP4":
            path = str(self.folder / "plain.mp4")
            writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 64))
            for level in range(5):
                writer.write(np.full((64, 64, 3), 40 * level, np.uint8))
            writer.release()
            return Path(path).read_bytes()
        buffer = io.BytesIO()
        Image.new("RGB", (48, 32), "teal").save(buffer, "AVIF" if kind == "HEIC" else kind)
        return buffer.getvalue().replace(b"ftypavif", b"ftypheic", 1) if kind == "HEIC" else buffer.getvalue()

    def sign(
        self, kind: str = "JPEG", *actions: dict[str, Any], signer: Identity | None = None, **options: Any
    ) -> bytes:
        manifest = make_manifest("Test program", "A test", actions or [CREATED])
        data = options.pop("data", None) or self.file(kind)
        return sign(data, MEDIA_TYPES[kind], manifest, [signer or self.signer], **options)

    def read(self, data: bytes, trust: TrustSettings | None = None) -> SignedClaim | None:
        path = self.folder / "image"
        path.write_bytes(data)
        return read_signed(path, trust)

    def claim(self, data: bytes, trust: TrustSettings | None = None) -> SignedClaim:
        """Of a file that has a manifest store."""
        found = self.read(data, trust)
        assert found is not None
        return found


@pytest.fixture(scope="session")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Signing:
    return Signing(tmp_path_factory.mktemp("signed"))
