"""Ground truth of MOTChallenge: a line of numbers per box."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

from vision.errors import UsageError
from vision.lists import read_list

# Columns that name places in the world, as in 2D MOT 2015, where later sets have class and visibility.
_WORLD_COLUMNS = 10


class MOTBox(NamedTuple):
    """A line of a file.

    Attributes:
        line: its number from 1.
        frame: number of the frame, from 1 as a rule.
        track: number of the track.
        box: x, y, width, height as they stand there.
        is_considered: column 7; True where there is none.
        number: of the class, column 8; 1, a pedestrian, where there is none.
        visibility: share of the box that can be seen, column 9; 1 where there is none.
    """

    line: int
    frame: int
    track: int
    box: tuple[float, float, float, float]
    is_considered: bool
    number: int
    visibility: float


def read_mot_boxes(path: str | os.PathLike[str]) -> list[MOTBox]:
    """Boxes of a file with the columns frame, track, x, y, width, height, considered, class, visibility.

    Lines with ten or more columns are those of 2D MOT 2015: from column 8 on stands a place in the world. Columns from
    the seventh on may be missing.

    Raises:
        UsageError: it cannot be read, or a line is no such line; the message names it.
    """
    name = os.fspath(path)
    lines = read_list(path, "a list of boxes").decode(errors="replace").splitlines()
    return [_box(name, place, line) for place, line in enumerate(lines, 1) if line.strip()]


def _box(name: str, place: int, line: str) -> MOTBox:
    try:
        values = [float(text) for text in line.replace(",", " ").split()]
    except ValueError:
        values = []
    whole = [*values[:2], *values[7:8]] if len(values) < _WORLD_COLUMNS else values[:2]
    if len(values) < 6 or not all(map(math.isfinite, values)) or not all(value.is_integer() for value in whole):
        raise UsageError(
            f"{name}, line {place}: {line.strip()[:80]!r} is no box; expected frame,track,x,y,width,height,considered,"
            "class,visibility",
            code="bad-annotations",
            value=name,
        )
    has_class = len(values) < _WORLD_COLUMNS
    return MOTBox(
        place,
        int(values[0]),
        int(values[1]),
        (values[2], values[3], values[4], values[5]),
        values[6] != 0 if len(values) > 6 else True,
        int(values[7]) if has_class and len(values) > 7 else 1,
        values[8] if has_class and len(values) > 8 else 1.0,
    )
