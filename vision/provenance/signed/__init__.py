"""C2PA manifest stores: signed statements of a file's origin, validated without any network access."""

from vision.provenance.signed.reader import is_available, read_signed
from vision.provenance.signed.trust import TrustSettings, load_trust

__all__ = ["TrustSettings", "is_available", "load_trust", "read_signed"]
