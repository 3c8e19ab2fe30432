"""What speaks about an image beside the detector: what its file declares, a watermark, and the pixels' history.

The one place that knows the packages which find these; packages that take time to import are loaded where used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vision.errors import Notice
from vision.history import estimate_jpeg_quality, estimate_scale
from vision.provenance import declare, parse_generator, read_provenance
from vision.provenance.claims import UNDECLARED, Declaration, GeneratorClaim, SignedClaim
from vision.provenance.fields import MANIFEST
from vision.provenance.signed import read_signed
from vision.watermark import find_watermark

if TYPE_CHECKING:
    from vision.provenance.signed import TrustSettings
    from vision.structures.watermark import WatermarkMatch


@dataclass(frozen=True)
class FileFindings:
    """What a file says of its origin.

    Attributes:
        metadata: fields of `vision.provenance.read_provenance`.
        declaration: all of it, in one.
        signed: the manifest store, validated; None without one.
        generator: what a generator wrote about itself; None without that.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    declaration: Declaration = field(default_factory=lambda: Declaration(UNDECLARED))
    signed: SignedClaim | None = None
    generator: GeneratorClaim | None = None

    def fields(self, with_prompt: bool) -> dict[str, Any]:
        """By the names of `ForgeryResult`; the text of a prompt only if it is asked for."""
        record: dict[str, Any] = {name: getattr(self.declaration, name) for name in _DECLARATION}
        if self.signed is not None:
            record |= {name: getattr(self.signed, name) for name in _SIGNED}
            record |= {name: list(getattr(self.signed, name)) for name in ("actions", "ingredients")}
        if self.generator is not None:
            record |= {"generator": self.generator.generator, "generator_model": self.generator.model}
            record |= {"prompt_present": self.generator.has_prompt, "seed": self.generator.seed}
            record["prompt"] = self.generator.prompt if with_prompt else None
        return record

    def notes(self) -> list[str]:
        """What is wrong with the signature, and what contradicts the declaration."""
        signed = (
            [Notice(f"C2PA: {remark}", "signature-remark") for remark in self.signed.remarks] if self.signed else []
        )
        declared = [Notice(f"declared: {remark}", "declaration-remark") for remark in self.declaration.remarks]
        return [*signed, *declared]


@dataclass(frozen=True)
class PixelFindings:
    """What the pixels of an image tell beside the detector's answer.

    Attributes:
        watermark: an invisible one that a generator wrote; None without one.
        jpeg_quality: of the last JPEG compression; None where nothing tells.
        is_measured: whether the pixels told the quality, and not the file.
        scale: by how much the image was resampled; None where nothing tells.
    """

    watermark: WatermarkMatch | None = None
    jpeg_quality: int | None = None
    is_measured: bool = False
    scale: float | None = None

    def fields(self) -> dict[str, Any]:
        """By the names of `ForgeryResult`."""
        record: dict[str, Any] = {"jpeg_quality": self.jpeg_quality, "scale": self.scale}
        if self.watermark is not None:
            record |= {"watermark": self.watermark.name, "watermark_fpr": self.watermark.fpr}
            record |= {"watermark_bits": self.watermark.bits, "watermark_matched": self.watermark.matched}
        return record


_DECLARATION = ("declared", "declared_by", "signature")
_SIGNED = ("signer", "issuer", "claim_generator", "signed_at", "source_type")


def read_file(path: str, trust: TrustSettings | None = None) -> FileFindings:
    """What a file says of its origin; nothing for one that cannot be read.

    Args:
        path: of the file.
        trust: whose signatures count.
    """
    metadata = read_provenance(path)
    # The reader finds manifests in fewer kinds of files than the library validates.
    signed = read_signed(path, trust)
    if signed is not None:
        metadata[MANIFEST] = f"present, signature {signed.signature}"
    generator = parse_generator(metadata)
    return FileFindings(metadata, declare(metadata, signed, generator), signed, generator)


def search_pixels(image: np.ndarray, file_quality: int | None = None, thorough: bool = False) -> PixelFindings:
    """Search uint8 RGB `[H, W, 3]`.

    Args:
        image: upright, at its native resolution.
        file_quality: what the file says of its JPEG quality; the pixels are asked where it says nothing.
        thorough: whether to search also what takes long, such as watermarks of cropped images.
    """
    quality = estimate_jpeg_quality(image) if file_quality is None else file_quality
    is_measured = file_quality is None and quality is not None
    scale = estimate_scale(image).factor
    return PixelFindings(find_watermark(image, thorough), quality, is_measured, scale)
