"""Which model of a lens a calibration names: OpenCV's pinhole model, its fisheye model, or one that is not read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vision.geometry.calibration import CalibrationError
from vision.geometry.rig_names import Entry

PINHOLE, FISHEYE = "pinhole", "fisheye"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By the letters of the word, which may go on with a number or another word (KannalaBrandt8, pinhole-equi).
_FISHEYE = _words("fisheye equidistant equi kannalabrandt kb opencvfisheye pinholeequi")
_DISTORTED = _words(
    "plumbbob radtan radialtangential rationalpolynomial brownconrady brown radial standard opencv simpleradial "
    "fullopencv rational thinprism pinholeradtan polynomial"
)
_FREE = frozenset(("", "none", "nodistortion", "rectified", "null"))
# These say how points are projected, not how the lens bends the lines.
_PROJECTIONS = frozenset(("pinhole", "perspective"))
_OTHER = _words(
    "omni omnidirectional mei doublesphere ds eucm extendedunified ucm unified fov atan scaramuzza ocam spherical "
    "equirectangular panoramic catadioptric division stereographic equisolid orthographic cylindrical "
    "inversebrownconrady modifiedbrownconrady ftheta thinprismfisheye radialfisheye simpleradialfisheye pinholefov "
    "fisheyerational radtanthinprismfisheye"
)
# Their values say it in words that leave no doubt; what another name holds (a camera's type, say) may be anything.
_STRICT = re.compile(r"distortion_?(?:model|type)|lens_?(?:model|type)|projection_?(?:model|type)", re.IGNORECASE)
_FREE_TEXT = re.compile(r"name|topic|comment|frame|date|time|serial|note|path|file", re.IGNORECASE)


def lens_of(source: str, entries: Iterable[Entry], side: str) -> str:
    """PINHOLE or FISHEYE, as the file says of one camera or of both.

    Raises:
        CalibrationError: it names a model that is not read, or two that exclude each other.
    """
    found: dict[str, str] = {}
    for entry in entries:
        if entry.side in ("", side):
            lens = _lens(source, entry)
            if lens is not None:
                found[lens] = entry.name
    if len(found) > 1:
        told = " and ".join(f"{name} of a {lens} lens" for lens, name in found.items())
        raise CalibrationError(f"{source}: speaks by {told}; expected one of the two")
    return next(iter(found), PINHOLE)


def _lens(source: str, entry: Entry) -> str | None:
    key = entry.name.rpartition(".")[2]
    if entry.field == "xi":
        raise _unread(source, entry, "omnidirectional")
    if entry.field:
        return FISHEYE if "fisheye" in entry.name.lower() else None
    if isinstance(entry.value, bool | float | int):
        return FISHEYE if "fisheye" in key.lower() and entry.value else None
    if not isinstance(entry.value, str) or _FREE_TEXT.search(key):
        return None
    plain = "".join(character for character in entry.value.lower() if character.isalnum())
    if "fisheye" in key.lower() and plain in ("1", "true", "yes", "on"):
        return FISHEYE
    # COLMAP's and Aria's FISHEYE624 has other terms than OpenCV's fisheye.
    if _is_one_of(plain, _OTHER) or plain == "fisheye624":
        raise _unread(source, entry, entry.value)
    if _is_one_of(plain, _FISHEYE):
        return FISHEYE
    if _is_one_of(plain, _DISTORTED):
        return PINHOLE
    if _STRICT.fullmatch(key) and not (plain in _FREE or _is_one_of(plain, _PROJECTIONS)):
        raise _unread(source, entry, entry.value)
    return None


def _is_one_of(plain: str, words: frozenset[str]) -> bool:
    """Whether it is one of the words, with a number or a distortion behind it perhaps (radtan8, omni-radtan)."""
    return plain in words or plain.rstrip("0123456789") in words or plain.removesuffix("radtan") in words


def _unread(source: str, entry: Entry, model: str) -> CalibrationError:
    return CalibrationError(
        f"{source}: {entry.name} names the lens model {model[:60]!r}, which is not read; expected OpenCV's pinhole "
        "model (plumb_bob, radtan, rational_polynomial) or its fisheye model (equidistant, Kannala-Brandt)"
    )
