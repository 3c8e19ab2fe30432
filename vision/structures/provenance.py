"""What a file says of its origin; the readers in `vision.provenance`, which stand below, make these results."""

from __future__ import annotations

from vision.provenance.claims import Declaration, GeneratorClaim, SignedClaim

__all__ = ["Declaration", "GeneratorClaim", "SignedClaim"]
