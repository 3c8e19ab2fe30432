"""IPTC's vocabulary of digital source types, and what each term says of an image.

https://cv.iptc.org/newscodes/digitalsourcetype/, with its retired terms, C2PA's own (`c2pa.org/digitalsourcetype`) and
schema.org's names of the same. An image that an algorithm made, enhanced or recorded without a trained model is none
that a generator made, and none of a camera either: such terms declare nothing here.
"""

from __future__ import annotations

import re

from vision.provenance.claims import AI_EDITED, AI_GENERATED, CAMERA, UNDECLARED

# From "made by a model" to "taken by a camera": of several terms the first is reported.
DECLARED_BY_TERM: dict[str, str] = {
    "trainedAlgorithmicMedia": AI_GENERATED,
    "compositeWithTrainedAlgorithmicMedia": AI_EDITED,
    "trainedAlgorithmicData": AI_GENERATED,
    "compositeSynthetic": AI_EDITED,  # at least one element is of a generator
    "algorithmicMedia": UNDECLARED,  # by an algorithm that was not trained
    "dataDrivenMedia": UNDECLARED,
    "virtualRecording": UNDECLARED,
    "digitalArt": UNDECLARED,  # retired
    "digitalCreation": UNDECLARED,
    "softwareImage": UNDECLARED,  # retired
    "algorithmicallyEnhanced": UNDECLARED,  # without a generator
    "composite": UNDECLARED,
    "compositeCapture": CAMERA,  # all elements are of cameras
    "humanEdits": UNDECLARED,
    "minorHumanEdits": UNDECLARED,  # retired
    "screenCapture": UNDECLARED,
    "empty": UNDECLARED,
    "computationalCapture": CAMERA,
    "digitalCapture": CAMERA,
    "negativeFilm": CAMERA,
    "positiveFilm": CAMERA,
    "print": CAMERA,
}
# Names that IPTC gives to people, and a slip of an often copied guide.
_ALIASES = {
    "createdusinggenerativeai": "trainedAlgorithmicMedia",
    "editedusinggenerativeai": "compositeWithTrainedAlgorithmicMedia",
    "editedwithgenerativeai": "compositeWithTrainedAlgorithmicMedia",
    "compositedwithtrainedalgorithmicmedia": "compositeWithTrainedAlgorithmicMedia",
    "digitalcapturesampledfromreallife": "digitalCapture",
    "originaldigitalcapturesampledfromreallife": "digitalCapture",
    "digitisedfromanegativeonfilm": "negativeFilm",
    "digitisedfromapositiveonfilm": "positiveFilm",
    "digitisedfromaprintonnontransparentmedium": "print",
    "multiframecomputationalcapturesampledfromreallife": "computationalCapture",
    "purealgorithmicmedia": "algorithmicMedia",
}
_TERMS = {term.lower(): term for term in DECLARED_BY_TERM} | _ALIASES
_ORDER = {term: place for place, term in enumerate(DECLARED_BY_TERM)}
_NO_LETTER = re.compile(r"[^a-z]+")


def term_of(value: str) -> str | None:
    """The term of a source type, however it is written: an address of any scheme, a prefix, a name; None if unknown."""
    name = value[:300].strip().rstrip("/# ").replace(":", "/").replace("#", "/").rpartition("/")[2]
    key = _NO_LETTER.sub("", name.lower())
    return _TERMS.get(key) or _TERMS.get(key.removesuffix("digitalsource"))


def declared_by_type(value: str | None) -> str:
    """What a source type declares: "ai-generated", "ai-edited", "camera" or "none"."""
    term = term_of(value) if value else None
    return DECLARED_BY_TERM[term] if term is not None else UNDECLARED


def rank(value: str) -> int:
    """Place of a source type among several of one image: the least is reported. Unknown ones come before cameras."""
    term = term_of(value)
    first_camera = _ORDER["computationalCapture"]
    if term is None:
        return 2 * first_camera
    return 2 * _ORDER[term] + (1 if _ORDER[term] >= first_camera else 0)
