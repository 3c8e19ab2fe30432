"""What an image file says about its own origin: EXIF, XMP, IPTC, C2PA and generators' texts. No part of the score."""

from vision.provenance.declaration import declare
from vision.provenance.fields import PROVENANCE_FIELDS
from vision.provenance.generators import parse_generator
from vision.provenance.reader import read_provenance

__all__ = ["PROVENANCE_FIELDS", "declare", "parse_generator", "read_provenance"]
