"""Names with values, each once: of two values for one name, nobody knows which is meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vision.geometry.calibration import CalibrationError


def as_mapping(source: str, items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Items as a dict, in linear time.

    Raises:
        CalibrationError: a name is there twice.
    """
    found: dict[str, Any] = {}
    for name, value in items:
        if name in found:
            raise CalibrationError(f"{source}: {name[:60]!r} is there twice; expected it once")
        found[name] = value
    return found
