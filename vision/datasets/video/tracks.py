"""Numbers of tracks, whatever annotations call them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vision.datasets.video.records import Problems

_MAX = 2**31 - 1  # mmdet keeps them in 32 bits


def track_numbers(names: Sequence[Any]) -> list[int]:
    """A number per box of one video, the same where two boxes have the same name.

    Numbers from 0 are kept; 0 is a track like any other. Texts and numbers beyond 32 bits get numbers that are free.
    None and negative numbers say that nothing is known: each such box becomes a track of its own.

    Args:
        names: whole numbers, texts or None, one per box.
    """
    kept = {name for name in names if _is_number(name)}
    following = max(kept, default=-1) + 1
    given: dict[Any, int] = {}
    numbers = []
    for name in names:
        if _is_number(name):
            numbers.append(int(name))
            continue
        number = given.get(name, following)
        following = max(following, number + 1)
        if not _is_unknown(name):
            given[name] = number
        numbers.append(number)
    return numbers


def count_shared(places: Iterable[tuple[int, int]], name: str, problems: Problems) -> None:
    """Count boxes that share their track with another box of the same frame.

    Args:
        places: frame and track of each box of a video.
        name: of the video.
        problems: takes them up.
    """
    seen: set[tuple[int, int]] = set()
    for place in places:
        if place in seen:
            frame, track = place
            problems.add("boxes share a track with another of their frame", f"track {track} in frame {frame} of {name}")
        seen.add(place)


def _is_number(name: Any) -> bool:
    return isinstance(name, int) and 0 <= name <= _MAX


def _is_unknown(name: Any) -> bool:
    return name is None or (isinstance(name, int) and name < 0)
