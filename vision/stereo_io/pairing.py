"""Which images of two folders, or of one, are the two views of one moment: told by their names, never by their place.

A recorder that lost a frame of one camera, and another of the other one, leaves as many files on both sides: paired by
their order, every pair behind the first gap would be of two moments, and nothing would show it.
"""

from __future__ import annotations

import bisect
import itertools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from vision.errors import Notice, UsageError
from vision.files import natural_key

# What tells the views apart in names that are the same otherwise: left, right, _l, _R, imL; and numbers of cameras.
_WORD = re.compile(r"left|right|(?<![a-z0-9])[lr](?![a-z0-9])|(?<=[a-z])(?-i:[LR])(?![a-z])", re.IGNORECASE)
_CAMERA = re.compile(r"(?<![a-z])(cam|camera|im|img|image|view)([_-]?)(\d{1,2})(?!\d)", re.IGNORECASE)
_POINT = re.compile(r"(?<=\d)[._-](?=\d)")
_TOKEN = re.compile(r"\d+|[^\W\d_]+|[\W_]+")
MAX_CAMERA = 100
# Digits of a time in microseconds or finer.
_STAMP_DIGITS = 13
# Of the time between two frames: cameras that are started together differ by less.
_SAME_MOMENT = 0.25

Tokens = tuple[int | str, ...]


class Pairing(NamedTuple):
    """What belongs together.

    Attributes:
        pairs: (left, right), in the natural order of the left names: 8 before 10.
        alone: the left names without a partner, and the right ones; of one folder all in the first list.
        note: how they were paired, where that is not by equal names; None else.
    """

    pairs: list[tuple[str, str]]
    alone: tuple[list[str], list[str]]
    note: Notice | None = None


def pair_names(lefts: Sequence[str], rights: Sequence[str], folders: tuple[str, str]) -> Pairing:
    """Pair the names of two folders.

    By equal names, but for the ending; by what is left of them without the side (left and right, l and r, numbers of
    cameras, whatever is the same in all names of one folder and different in the other); by the number that they end
    with; by time stamps that differ by less than a quarter of the time between frames. Names without any number are
    paired by their order, if there are as many of both, with a note.

    Args:
        lefts, rights: relative to their folders.
        folders: names of the two, for messages.

    Raises:
        UsageError: nothing tells which belong together.
    """
    found = [_by_key(lefts, rights, key) for key in (str, _stem, _without_side)]
    found.append(_by_key(lefts, rights, _without_constants(lefts, rights)))
    best = max(found, key=lambda pairing: len(pairing.pairs))
    stamped = _by_time(lefts, rights)
    if len(stamped.pairs) > len(best.pairs):
        return stamped
    if best.pairs:
        return best
    numbered = _by_key(lefts, rights, _last_number)
    if numbered.pairs:
        text = f"no names in {folders[0]} and {folders[1]} agree; the images are paired by the number in their names"
        return numbered._replace(note=Notice(text, "paired-by-number"))
    if len(lefts) == len(rights) and not any(re.search(r"\d", name) for name in (*lefts, *rights)):
        text = f"no names in {folders[0]} and {folders[1]} agree; the images are paired in their order"
        ordered = (sorted(names, key=natural_key) for names in (lefts, rights))
        return Pairing(list(zip(*ordered, strict=True)), ([], []), Notice(text, "paired-by-order"))
    raise UsageError(
        f"{folders[0]!r} has {len(lefts)} images ({lefts[0]} ...), {folders[1]!r} {len(rights)} ({rights[0]} ...), and "
        "no names or numbers agree; expected equal names in both, or a CSV file of pairs",
        code="no-pairs",
        value=(len(lefts), len(rights)),
    )


def pairs_within(names: Iterable[str], folder: str) -> Pairing:
    """Find pairs among the names of one folder: left and right, l and r, im0 and im1, image_02/ and image_03/ ...

    Args:
        names: relative to the folder, of all files below it.
        folder: its name, for messages.

    Raises:
        UsageError: there is no pair.
    """
    names = sorted(names, key=natural_key)
    pairs = _grouped(names, _WORD, _word_rank) or _grouped(names, _CAMERA, _camera_number)
    if not pairs:
        raise UsageError(
            f"{folder!r} has {len(names)} images, but no names that differ by left and right, l and r, im0 and im1, "
            "cam0 and cam1 or image_02 and image_03 alone; expected both views of each scene, or LEFT and RIGHT",
            code="no-pairs",
            value=len(names),
        )
    used = {name for pair in pairs for name in pair}
    return Pairing(_in_order(pairs), ([name for name in names if name not in used], []))


def _by_key(lefts: Sequence[str], rights: Sequence[str], key: Callable[[str], object]) -> Pairing:
    first, second = {key(name): name for name in lefts}, {key(name): name for name in rights}
    common = [value for value in first if value is not None and value in second]
    # Names that become the same without what was taken out do not tell the pairs.
    if len(first) < len(lefts) or len(second) < len(rights):
        return Pairing([], ([], []))
    paired = set(common)
    left, right = ([name for value, name in side.items() if value not in paired] for side in (first, second))
    return Pairing(_in_order([(first[value], second[value]) for value in common]), (left, right))


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _without_side(name: str) -> Tokens:
    return tuple(token for token in _tokens(_WORD.sub(" ", _stem(name))) if isinstance(token, int) or token.isalnum())


def _tokens(text: str) -> Tokens:
    """Words, numbers without leading zeros, and what is between them."""
    return tuple(int(token) if token.isdecimal() else token.lower() for token in _TOKEN.findall(text))


def _without_constants(lefts: Sequence[str], rights: Sequence[str]) -> Callable[[str], Tokens | None]:
    """A key without what is the same in all names of a folder and different in the other: it tells the side."""
    first, second = ([_tokens(_stem(name)) for name in names] for names in (lefts, rights))
    lengths = {len(tokens) for tokens in (*first, *second)}
    if len(lengths) != 1:
        return lambda name: None if len(lefts) < 2 else _tokens(_stem(name))
    dropped = set()
    for place in range(lengths.pop()):
        mine, others = ({tokens[place] for tokens in side} for side in (first, second))
        # The only frame of a folder has nothing but constants: there, the word before a number must say what it is.
        is_many = min(len(lefts), len(rights)) > 1
        is_told = len(mine) == len(others) == 1 and mine != others
        if is_told and (_follows_camera(first[0], place) or (is_many and _may_be_side(*mine, *others))):
            dropped.add(place)
    return lambda name: tuple(token for place, token in enumerate(_tokens(_stem(name))) if place not in dropped)


def _may_be_side(*tokens: int | str) -> bool:
    """Words, and numbers of cameras: larger ones are dates and seconds, which are of another moment."""
    return all(isinstance(token, str) or token < MAX_CAMERA for token in tokens)


def _follows_camera(tokens: Tokens, place: int) -> bool:
    name = "".join(map(str, tokens[: place + 1]))
    return any(found.end() == len(name) for found in _CAMERA.finditer(name))


def _last_number(name: str) -> int | None:
    numbers = [int(number) for number in re.findall(r"\d+", _stem(name))]
    # Behind a large number, such as seconds, the last one is not all that tells the frame.
    return numbers[-1] if numbers and _may_be_side(*numbers[:-1]) else None


def _by_time(lefts: Sequence[str], rights: Sequence[str]) -> Pairing:
    """Names that are time stamps: each with the nearest, if that is so both ways and they are near enough."""
    stems = [[_POINT.sub("", os.path.basename(_stem(name))) for name in names] for names in (lefts, rights)]
    lengths = {len(stem) for side in stems for stem in side}
    if min(map(len, stems)) < 2 or len(lengths) > 1 or min(lengths) < _STAMP_DIGITS:
        return Pairing([], ([], []))
    if not all(stem.isdecimal() for side in stems for stem in side):
        return Pairing([], ([], []))
    first, second = (
        sorted((int(stem), name) for stem, name in zip(side, names, strict=True))
        for side, names in zip(stems, (lefts, rights), strict=True)
    )
    gaps = sorted(after[0] - before[0] for side in (first, second) for before, after in itertools.pairwise(side))
    limit = _SAME_MOMENT * gaps[len(gaps) // 2]
    pairs, most = [], 0
    for time, name in first:
        other = _nearest(second, time)
        apart = abs(other[0] - time)
        if apart <= limit and _nearest(first, other[0])[1] == name:
            pairs.append((name, other[1]))
            most = max(most, apart)
    text = f"the images are paired by time stamps, which differ by up to {most:,}"
    used = [{pair[side] for pair in pairs} for side in (0, 1)]
    left, right = ([name for name in names if name not in used[side]] for side, names in enumerate((lefts, rights)))
    return Pairing(pairs, (left, right), Notice(text, "paired-by-time", most))


def _nearest(stamps: list[tuple[int, str]], time: int) -> tuple[int, str]:
    place = bisect.bisect_left(stamps, (time, ""))
    return min(stamps[max(0, place - 1) : place + 1], key=lambda stamp: abs(stamp[0] - time))


def _grouped(
    names: Sequence[str], mark: re.Pattern[str], rank: Callable[[re.Match[str]], int]
) -> list[tuple[str, str]]:
    """Pairs of names that are the same but for their mark, of which the lower one is the left view's."""
    groups: dict[str, dict[int, list[str]]] = {}
    for name in names:
        marks = list(mark.finditer(name))
        ranks = {rank(found) for found in marks}
        if len(ranks) == 1:  # a name of both sides says nothing
            key = mark.sub(lambda found: f"{found[1]}{found[2]}\0" if found.lastindex else "\0", name).lower()
            groups.setdefault(_stem(key), {}).setdefault(ranks.pop(), []).append(name)
    pairs = []
    for sides in groups.values():
        if any(len(found) > 1 for found in sides.values()):
            continue
        # KITTI's four cameras are two pairs; of any other number nobody knows which belong together.
        order = sorted(sides)
        couples = [order[:2], order[2:]] if order == [0, 1, 2, 3] else [order] if len(order) == 2 else []
        pairs += [(sides[one][0], sides[other][0]) for one, other in couples]
    return pairs


def _word_rank(found: re.Match[str]) -> int:
    return int(found[0].lower() in ("right", "r"))


def _camera_number(found: re.Match[str]) -> int:
    return int(found[3])


def _in_order(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: natural_key(pair[0]))
