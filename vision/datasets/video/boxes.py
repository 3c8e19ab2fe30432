"""Boxes as annotations give them, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vision.datasets.video.records import Problems
from vision.errors import UsageError


def corners_of(
    box: Any, size: tuple[int, int], what: str, problems: Problems
) -> tuple[float, float, float, float] | None:
    """Corners (x1, y1, x2, y2) of a box (x, y, width, height); None if nothing of it is in the frame.

    Args:
        box: as the annotations have it, in pixels from the frame's corner.
        size: height and width of the frame.
        what: names the box in messages.
        problems: counts boxes that are left out.

    Raises:
        UsageError: the box is not four finite numbers.
    """
    if not _is_box(box):
        raise UsageError(
            f"{what} has the box {box!r}; expected [x, y, width, height] in pixels", code="bad-annotations", value=box
        )
    x, y, width, height = map(float, box)
    if width < 1 or height < 1:
        problems.add("boxes have sides of less than a pixel and are left out", what)
        return None
    if min(x + width, size[1]) <= max(x, 0) or min(y + height, size[0]) <= max(y, 0):
        problems.add("boxes lie outside of their frame and are left out", what)
        return None
    return x, y, x + width, y + height


def _is_box(box: Any) -> bool:
    return (
        isinstance(box, Sequence)
        and len(box) == 4
        and all(isinstance(value, int | float) and math.isfinite(value) for value in box)
    )
