"""Which kind of answer a client would like best: Accept, as RFC 9110 has it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vision.serve.http.problems import Problem

JSON, PNG, PFM = "application/json", "image/png", "image/x-portable-floatmap"


def chosen(accept: str | None, offered: Sequence[str]) -> str:
    """The offered kind that fits best; the first of those that fit equally, also where nothing is asked for.

    Args:
        accept: the header; None if there is none.
        offered: media types, the usual one first.

    Raises:
        Problem: 406, none of them is acceptable.
    """
    ranges = [_range(part) for part in (accept or "*/*").split(",") if part.strip()] or [("*/*", 1.0)]
    weights = [_weight(kind, ranges) for kind in offered]
    best = max(weights)
    if best <= 0:
        raise Problem(406, f"Accept is {(accept or '')[:60]!r}; expected one of {', '.join(offered)}")
    return offered[weights.index(best)]


def _weight(kind: str, ranges: list[tuple[str, float]]) -> float:
    """Of the most exact range that takes it in."""
    for pattern in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        found = [weight for name, weight in ranges if name == pattern]
        if found:
            return max(found)
    return 0.0


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 1.0
    return name, min(1.0, max(0.0, weight)) if math.isfinite(weight) else 1.0
