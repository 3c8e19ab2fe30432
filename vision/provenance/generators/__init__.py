"""What generators of images write about themselves, unsigned: name, model, prompt and seed."""

from vision.provenance.generators.claims import parse_generator

__all__ = ["parse_generator"]
