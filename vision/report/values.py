"""Fields of a record, wherever they stand in it, and as numbers although a CSV file has them as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]

# Letters of one value, and of all texts of one image: metadata may hold megabytes, which the record has in full.
MAX_VALUE = 2_000
MAX_TEXT = 20_000


def value_of(record: Record, name: str) -> Any:
    """A field, or the one of that name among the details; None where it is absent or empty."""
    details = record.get("details")
    found = record.get(name)
    if found is None and isinstance(details, Mapping):
        found = details.get(name)
    return None if found in ("", [], ()) else found


def text_of(record: Record, name: str) -> str | None:
    """A field as text of bounded length."""
    found = value_of(record, name)
    return None if found is None else shortened(str(found))


def number_of(record: Record, name: str) -> float | None:
    """A finite number; None where there is none."""
    found = value_of(record, name)
    try:
        number = float(found)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def truth_of(record: Record, name: str) -> bool | None:
    """A yes or no; None where there is none."""
    found = value_of(record, name)
    return found if isinstance(found, bool) else {"true": True, "false": False}.get(str(found).lower())


def lines_of(record: Record, name: str) -> list[str]:
    """A list of texts, each of bounded length; a text alone is a list of one."""
    found = value_of(record, name)
    if found is None:
        return []
    parts = found if isinstance(found, (list, tuple)) else [found]
    return [shortened(str(part)) for part in parts[:100]]


def shortened(text: str, most: int = MAX_VALUE) -> str:
    """The beginning of a text, and how much is left out."""
    left_out = len(text) - most
    return text if left_out <= 0 else f"{text[:most]}… ({left_out:,} more letters in JSON and CSV)"


def bounded(facts: list[tuple[str, str]], most: int = MAX_TEXT) -> list[tuple[str, str]]:
    """Facts until so many letters are used; the last one says how many facts are left out."""
    used = 0
    for place, (_, text) in enumerate(facts):
        used += len(text)
        if used > most:
            return [*facts[:place], ("left out", f"{len(facts) - place:,} more, which JSON and CSV have")]
    return facts
