"""Two cameras out of one file or several: OpenCV's, ROS' camera_info, Kalibr's, EuRoC's, ORB-SLAM's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vision.errors import Notice
from vision.geometry.calibration import CalibrationError, StereoCalibration
from vision.geometry.cameras import CameraPair, Rectification, check_matrix
from vision.geometry.intrinsics import NUMBERS, PINHOLE_TERMS, camera_matrix, coefficients, image_size
from vision.geometry.lenses import FISHEYE, lens_of
from vision.geometry.projections import check_side, projection_shift, projections_to_calibration
from vision.geometry.rig_names import Entry, entries_of
from vision.geometry.transforms import as_rotation, left_to_right

_SIDES = ("left", "right")
# Written by tools whose convention is the meter: Kalibr, EuRoC and what ROS and VINS made of them.
_METER_FIELDS = ("from_other", "from_body", "to_body")
_UNITS = {"m": "m", "meter": "m", "meters": "m", "mm": "mm", "millimeter": "mm", "millimeters": "mm"}

_RAW_NOTE = Notice(
    "the calibration has no P1 and P2: the pair is taken as rectified already, with the focal length of K1; "
    "if it is not, rectify it first",
    "taken-as-rectified",
)


class Rig:
    """The matrices of one calibration, from one file or several.

    Args:
        files: (name, values) of each; of a matrix that several have, the first counts. Files that speak of one camera
            each are those of the left and of the right camera, in this order.

    Raises:
        CalibrationError: a matrix is damaged, or a file has one twice, with other values.
    """

    def __init__(self, files: Sequence[tuple[str, dict[str, Any]]]) -> None:
        self.source = ", ".join(name for name, _ in files)
        documents = [(name, entries_of(name, tree)) for name, tree in files]
        single = [name for name, entries in documents if _is_of_one_camera(entries)]
        self.entries: list[Entry] = []
        self._values: dict[tuple[str, str], Any] = {}
        for name, entries in documents:
            if len(single) == 2 and name in single:
                entries = [_of_side(entry, _SIDES[single.index(name)]) for entry in entries]
            values = _values_of(name, entries)
            _check_whole(name, entries, values)
            self.entries += entries
            self._values = {**values, **self._values}
        self.is_ros = len(single) == 2 and all(("P", side) in self._values for side in _SIDES)

    def cameras(self) -> CameraPair:
        """The cameras before rectification: K1, K2, with D1, D2, and R, T, or R and P of each camera, or transforms."""
        k1, k2 = (self._matrix(side) for side in _SIDES)
        lenses = [lens_of(self.source, self.entries, side) for side in _SIDES]
        if lenses[0] != lenses[1]:
            raise CalibrationError(f"{self.source}: one lens is {lenses[0]}, the other {lenses[1]}; expected one kind")
        lens = [self._distortion(side, lenses[0]) for side in _SIDES]
        known = self._rectification()
        rotation, translation = self._between(known)
        free = [np.zeros(4 if lenses[0] == FISHEYE else 5) if part is None else part for part in lens]
        return CameraPair(
            k1=k1,
            d1=free[0],
            k2=k2,
            d2=free[1],
            rotation=rotation,
            translation=translation,
            size=image_size(self._values, self.source),
            source=self.source,
            lens=lenses[0],
            # Computed where both are there: zoomed so that no pixel is black.
            rectification=None if self._get("T") is not None else known,
            unit=self._unit(),
            note=self._lens_note() if lens[0] is None else "",
        )

    def rectified(self) -> StereoCalibration:
        """Of a pair that is rectified already: by P1 and P2, by a baseline, else by the first camera and T."""
        p1, p2 = (self._get("P", side) for side in _SIDES)
        if p1 is not None and p2 is not None:
            return projections_to_calibration(p1, p2, image_size(self._values, self.source), self.source, self._unit())
        alone = self._of_baseline()
        if alone is not None:
            return alone
        matrix, right = self._matrix("left"), self._get("K", "right")
        translation = self._between(None)[1]
        right = matrix if right is None else right
        if matrix.shape != (3, 3) or right.shape != (3, 3) or translation.size != 3:
            raise CalibrationError(f"{self.source}: K1, K2 or T has a wrong shape; expected 3 x 3, 3 x 3 and 3 numbers")
        for name, part in (("K1", matrix), ("K2", right)):
            check_matrix(part, name, self.source)
        check_side(-translation, self.source)
        return StereoCalibration(
            focal=float(matrix[0, 0]),
            focal_y=float(matrix[1, 1]),
            cx=float(matrix[0, 2]),
            cy=float(matrix[1, 2]),
            baseline=float(np.linalg.norm(translation)),
            doffs=float(right[0, 2] - matrix[0, 2]),
            unit=self._unit(),
            size=image_size(self._values, self.source),
            source=self.source,
            note=_RAW_NOTE,
        )

    def _of_baseline(self) -> StereoCalibration | None:
        """Of one camera that stands for both, as ORB-SLAM has it: fx and `bf` = fx * baseline, or the baseline."""
        matrix, bf, baseline = self._get("K"), self._get("bf"), self._get("baseline")
        matrix = self._get("K", "left") if matrix is None else matrix
        if matrix is None or (bf is None and baseline is None) or self._get("T") is not None:
            return None
        check_matrix(matrix, "K", self.source)
        right = self._get("K", "right")
        return StereoCalibration(
            focal=float(matrix[0, 0]),
            focal_y=float(matrix[1, 1]),
            cx=float(matrix[0, 2]),
            cy=float(matrix[1, 2]),
            baseline=float(bf / matrix[0, 0] if baseline is None else baseline),
            doffs=0.0 if right is None or right.shape != (3, 3) else float(right[0, 2] - matrix[0, 2]),
            unit=self._unit(),
            size=image_size(self._values, self.source),
            source=self.source,
            note=_RAW_NOTE if self._is_distorted() or not _agree(matrix, right) else "",
        )

    def _is_distorted(self) -> bool:
        values = [self._values.get((field, side)) for field in ("D", *PINHOLE_TERMS) for side in ("", "left")]
        return any(value is not None and np.any(value) for value in values)

    def _get(self, field: str, side: str = "") -> Any:
        if field == "K":
            return camera_matrix(self._values, side)
        return self._values.get((field, side))

    def _matrix(self, side: str) -> np.ndarray:
        matrix = self._get("K", side)
        if matrix is None:
            raise self._lacks(f"K{NUMBERS[side]}")
        return matrix

    def _distortion(self, side: str, lens: str) -> np.ndarray | None:
        """Coefficients; None where the file has none of either lens. One that cannot be read is never zero.

        Raises:
            CalibrationError: only one camera has them, or a name that is not known seems to be theirs.
        """
        found = coefficients(self._values, side, lens, self.source)
        if found is not None:
            return found
        own = [entry for entry in self.entries if entry.side in ("", side)]
        suspect = next((entry for entry in own if entry.is_lens_like or entry.field in ("D", *PINHOLE_TERMS)), None)
        name = f"D{NUMBERS[side]}"
        if suspect is not None:
            raise CalibrationError(
                f"{self.source}: {suspect.name} looks like the distortion of a lens but is not understood; expected "
                f"4, 5, 8, 12 or 14 numbers called {name}"
            )
        other = "right" if side == "left" else "left"
        if coefficients(self._values, other, lens, self.source) is not None:
            raise CalibrationError(f"{self.source}: has D{NUMBERS[other]} but no {name}; expected both or none")
        return None

    def _rectification(self) -> Rectification | None:
        turns = [turn for side in _SIDES if (turn := self._get("rectification", side)) is not None]
        projections = [matrix for side in _SIDES if (matrix := self._get("P", side)) is not None]
        if len(turns) < 2 or len(projections) < 2:
            return None
        if any(part.shape != (3, 4) for part in projections):
            raise CalibrationError(f"{self.source}: P1 is {projections[0].shape}; expected 3 x 4 matrices")
        r1, r2 = (as_rotation(turn) for turn in turns)
        return Rectification(r1, r2, *projections)

    def _between(self, known: Rectification | None) -> tuple[np.ndarray, np.ndarray]:
        """Rotation and translation from the left to the right camera."""
        rotation, translation = self._get("R"), self._get("T")
        if rotation is not None and translation is not None:
            return as_rotation(rotation), translation.ravel()
        transform = left_to_right(self._values, self.source)
        if transform is not None:
            return transform[:3, :3], transform[:3, 3]
        if known is not None:
            # x_rectified = r1 @ x_left = r2 @ x_right, but for the way between both.
            shift = projection_shift(known.p1, known.p2, self.source)
            return known.r2.T @ known.r1, known.r2.T @ -shift
        if translation is not None and self._get("K", "right") is None:
            return np.eye(3), translation.ravel()
        raise self._lacks("R" if rotation is None else "T")

    def _unit(self) -> str:
        for entry in self.entries:
            if entry.name.rpartition(".")[2].lower() in ("unit", "units") and isinstance(entry.value, str):
                if entry.value.lower() not in _UNITS:
                    told = f"{self.source}: {entry.name} is {entry.value[:60]!r}"
                    raise CalibrationError(f"{told}; expected m or mm, the unit of the baseline")
                return _UNITS[entry.value.lower()]
        is_metric = self.is_ros or any(entry.field in _METER_FIELDS for entry in self.entries)
        return "m" if is_metric else ""

    def _lens_note(self) -> Notice:
        text = (
            f"{self.source} holds no distortion of the lenses (D1, D2): they are taken as free of distortion; if "
            "they are not, rows and depths are wrong"
        )
        return Notice(text, "no-distortion")

    def _lacks(self, name: str) -> CalibrationError:
        found = ", ".join(sorted({_told(entry) for entry in self.entries if entry.field})) or "none of them"
        return CalibrationError(
            f"{self.source}: has no matrix {name}; expected K1, D1, K2, D2, R and T, or K, D, R and P of both cameras, "
            f"found {found}"
        )


def _agree(left: np.ndarray, right: np.ndarray | None) -> bool:
    """Whether two camera matrices differ by cx at most, as those of a rectified pair."""
    if right is None or right.shape != left.shape:
        return right is None
    return bool(np.allclose(right[:, :2], left[:, :2]) and np.allclose(right[1:], left[1:]))


def _told(entry: Entry) -> str:
    return f"{entry.field}{NUMBERS.get(entry.side, '')}"


def _is_of_one_camera(entries: Sequence[Entry]) -> bool:
    """Whether a file has a camera, and does not say which."""
    camera = [entry for entry in entries if entry.field in ("K", "P", "fx")]
    return bool(camera) and all(entry.side == "" for entry in camera)


def _of_side(entry: Entry, side: str) -> Entry:
    field = "rectification" if entry.field == "R" else entry.field
    return entry._replace(side=side, field=field) if entry.side == "" else entry


def _check_whole(source: str, entries: Sequence[Entry], values: Mapping[tuple[str, str], Any]) -> None:
    """Refuse a ROS camera_info of a part of the image: its matrices are of the whole image."""
    for entry in entries:
        name = entry.name.rpartition("roi.")[2]
        if name == entry.name or name not in ("x_offset", "y_offset", "width", "height"):
            continue
        whole = (0, *(values.get((name, side)) for side in ("", *_SIDES)))
        if not isinstance(entry.value, float | int) or entry.value not in whole:
            raise CalibrationError(
                f"{source}: {entry.name} is {str(entry.value)[:60]}: the images are a part of what the matrices are "
                "for; expected whole images, or matrices of the part"
            )


def _values_of(source: str, entries: Sequence[Entry]) -> dict[tuple[str, str], Any]:
    """(field, side) -> value; a value that is there twice has to be the same."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in _named(entries):
        before = found.setdefault((entry.field, entry.side), entry)
        if not np.array_equal(np.ravel(before.value), np.ravel(entry.value), equal_nan=True):
            raise CalibrationError(
                f"{source}: {before.name} and {entry.name} are two names of one value, and differ; leave one of "
                "them out"
            )
    return {key: _shaped(entry.value) for key, entry in found.items()}


def _named(entries: Sequence[Entry]) -> Iterator[Entry]:
    for entry in entries:
        field, side = entry.field, entry.side
        if not field:
            continue
        # R1 turns the left camera to be rectified; R stands between both cameras.
        if field == "R" and side in _SIDES:
            field = "rectification"
        yield entry._replace(field=field)


def _shaped(value: Any) -> Any:
    """A flat list of 9 or 12 numbers as the matrix that it is."""
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim == 2 and 1 not in value.shape:
        return value
    return value.reshape({9: (3, 3), 12: (3, 4), 16: (4, 4)}.get(value.size, (value.size,)))
