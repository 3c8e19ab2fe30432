"""What a name in a calibration means: which camera, and what of it, under the names that people and tools give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from vision.geometry.opencv_matrix import is_matrix, matrix_of

# Arrays, by the letters of their names. "R" of one camera is the turn that rectifies it, else the one between both.
_ARRAYS = {
    "K": "k m cameramatrix intrinsics intrinsic intrinsicmatrix intrinsicsmatrix camera mtx cammatrix cameraintrinsics",
    "D": "d dist distcoeffs distcoeff distcoefs distcoef distcoefficients distortion distortions "
    "distortioncoefficients distortioncoefficient distortioncoeffs distortioncoeff distortioncoefs "
    "distortionparameters distortionparams distortionvector lensdistortion lens kc",
    "P": "p projection projectionmatrix proj",
    "rectification": "rectification rectificationmatrix rect rectificationrotation",
    "R": "r rotation rotationmatrix rot om",
    "T": "t translation translationvector tvec trans",
    "size": "imagesize imgsize size resolution",
    "focals": "fc",
    "center": "cc",
    "from_other": "tcncnm1",  # Kalibr: x of this camera = matrix @ x of the one before
    "to_first": "tc1c2",  # ORB-SLAM 3: x of the left camera = matrix @ x of the right one
    "from_body": "tcamimu",  # Kalibr
    "to_body": "tbs bodytcam timucam",  # EuRoC, VINS
    "xi": "xi",
}
_NUMBERS = {
    **{name: name for name in ("fx", "fy", "cx", "cy", "xi", "baseline", "bf")},
    **{name: name for name in ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")},
    "width": "width",
    "imagewidth": "width",
    "height": "height",
    "imageheight": "height",
    "b": "baseline",
}
_KNOWN_ARRAYS = {name: field for field, names in _ARRAYS.items() for name in names.split()}
_SIDE = r"left|right|cam(?:era)?[012]|[lr]|[012]"
_WITH_SIDE = (re.compile(rf"(?P<name>.+?)(?P<side>{_SIDE})"), re.compile(rf"(?P<side>{_SIDE})(?P<name>.+)"))
_CONTAINER = re.compile(r"(?:camera|cam|view|sensor|lens)?(?P<side>left|right|l|r|\d)(?:camera|cam|view|sensor)?")
_LENS_LIKE = re.compile(r"dist(?!ance)|coef|lens|radial|tangential|^[kd](?:[12lr]|left|right)?$")
_NO_LENS = re.compile(r"model|type|name|unit|error|undist")
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}


class Entry(NamedTuple):
    """One value of a file.

    Attributes:
        name: as the file has it, with what is around it, `cam0.intrinsics`.
        side: "left", "right", the number of a camera, or "" of neither.
        field: a key of the tables above, or "" of a name that is not known.
        value: array, number or text.
    """

    name: str
    side: str
    field: str
    value: Any

    @property
    def is_lens_like(self) -> bool:
        """Whether the name is not known, but speaks of distortion."""
        plain = _plain(self.name.rpartition(".")[2])
        return not self.field and bool(_LENS_LIKE.search(plain)) and not _NO_LENS.search(plain)


def entries_of(source: str, tree: Mapping[str, Any]) -> list[Entry]:
    """All values of a file, with what their names mean; numbers of cameras count from 0 or from 1, as the file does.

    Raises:
        CalibrationError: a matrix is damaged.
    """
    found = [_entry(path, value) for path, value in _leaves(source, (), tree)]
    zeros = {(entry.side, entry.field) for entry in found if entry.field and entry.side.endswith("0")}
    is_container_zero = any(side == "container0" for side, _ in zeros)
    return [
        _sided(entry, is_container_zero if entry.side.startswith("container") else ("name0", entry.field) in zeros)
        for entry in found
    ]


def _sided(entry: Entry, is_zero_based: bool) -> Entry:
    """The number of a camera as its side; a third camera keeps it."""
    number = entry.side.removeprefix("container").removeprefix("name")
    if not number.isdigit():
        return entry
    side = {"0": "left", "1": "right"} if is_zero_based else {"1": "left", "2": "right"}
    return entry._replace(side=side.get(number, entry.side))


def _leaves(source: str, path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if is_matrix(value):
        yield path, matrix_of(source, ".".join(path), value)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(source, (*path, *str(key).split(".")), part)
    elif isinstance(value, list):
        array = _as_array(value)
        if array is not None:
            yield path, array
        elif any(isinstance(part, Mapping | list) for part in value):
            for number, part in enumerate(value):
                yield from _leaves(source, (*path, str(number)), part)
        else:
            yield path, value
    else:
        yield path, value


def _as_array(value: list[Any]) -> np.ndarray | None:
    """A (nested) list of numbers; None of anything else."""
    try:
        array = np.array(value)
    except ValueError:  # rows of unequal lengths
        return None
    return array.astype(np.float64) if array.dtype.kind in "fiu" else None


def _entry(path: tuple[str, ...], value: Any) -> Entry:
    sides = [side for part in path[:-1] if (side := _side_of_container(_plain(part)))]
    side = sides[-1] if sides else ""
    if "roi" in path[:-1]:  # ROS: its sides are not those of the image
        return Entry(".".join(path), side, "", value)
    field, own = _field(_plain(path[-1]), value)
    return Entry(".".join(path), own or side, field, value)


def _side_of_container(plain: str) -> str:
    """`left`, `cam0`; or the name of what its parts make, `D1: {k1: ...}`."""
    found = _CONTAINER.fullmatch(plain)
    return _side(found["side"], "container") if found else _known(plain, _KNOWN_ARRAYS)[1]


def _field(plain: str, value: Any) -> tuple[str, str]:
    """Field and side that a name and the kind of its value say."""
    if isinstance(value, bool) or not isinstance(value, float | int | np.ndarray):
        return "", ""
    return _known(plain, _KNOWN_ARRAYS if isinstance(value, np.ndarray) else _NUMBERS)


def _known(plain: str, known: Mapping[str, str]) -> tuple[str, str]:
    if plain in known:
        return known[plain], ""
    for pattern in _WITH_SIDE:
        found = pattern.fullmatch(plain)
        if found and found["name"] in known:
            return known[found["name"]], _side(found["side"].removeprefix("camera").removeprefix("cam"), "name")
    return "", ""


def _side(word: str, kind: str) -> str:
    return _SIDES.get(word, f"{kind}{word}")


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
