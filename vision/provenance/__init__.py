"""What an image file says about its own origin: EXIF, XMP, C2PA and generators' text chunks. No part of the score."""

from vision.provenance.reader import PROVENANCE_FIELDS, read_provenance

__all__ = ["PROVENANCE_FIELDS", "read_provenance"]
