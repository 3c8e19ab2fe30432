"""What a HEIF file will make its decoder do, by its boxes alone (ISO/IEC 14496-12, 23008-12).

The size that a decoder reports comes after cropping, and a grid may name one tile a thousand times: a file of some
kilobytes could ask for gigabytes of memory, and hours. So sizes are taken from the items that have to be decoded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_BOXES = 20_000
MAX_DEPTH = 8
MAX_META = 4 << 20
# Derived images whose size cannot exceed that of what they are made of.
_DERIVED = (b"grid", b"iden")
_ONCE = (b"pitm", b"iinf", b"iprp", b"ipco")


class HeifError(ValueError):
    """Boxes that are damaged, or of a kind that is not decoded."""


@dataclass
class HeifItems:
    """Items of a file: images, tiles, masks.

    Attributes:
        primary: number of the image that is shown.
        kinds: of items, such as b"hvc1" and b"grid".
        sizes: pixels of items, by their `ispe` property, before they are cropped and turned.
        parts: what derived images are made of.
        masks: items that belong to another, such as alpha, and depth, by the number of that.
    """

    primary: int = -1
    kinds: dict[int, bytes] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
    masks: dict[int, list[int]] = field(default_factory=dict)
    _counted: dict[int, int] = field(default_factory=dict)

    def decoded_pixels(self, item: int, depth: int = 0) -> int:
        """Pixels that have to be decoded for an item, each tile as often as it is named.

        Raises:
            HeifError: an item has no size, is made of itself, or of a kind whose size its parts do not bound.
        """
        if item not in self.sizes:
            raise HeifError("an image has no size")
        if item not in self.parts:
            width, height = self.sizes[item]
            return width * height
        if self.kinds.get(item) not in _DERIVED:
            raise HeifError(f"images of the kind {self.kinds.get(item, b'').decode('latin-1')!r} are not decoded")
        if depth >= MAX_DEPTH:
            raise HeifError("images are made of each other")
        if item not in self._counted:
            counts = Counter(self.parts[item])
            self._counted[item] = sum(n * self.decoded_pixels(part, depth + 1) for part, n in counts.items())
        return self._counted[item]


def read_items(data: bytes) -> HeifItems:
    """Items of the one `meta` box of a file.

    Raises:
        HeifError: there is none, or it contradicts itself.
    """
    metas = [body for kind, body in _boxes(memoryview(data)) if kind == b"meta"]
    if len(metas) != 1:
        raise HeifError("it holds no still image" if not metas else "several lists of items")
    if len(metas[0]) > MAX_META:
        raise HeifError(f"a list of items of {len(metas[0]):,} bytes")
    items = HeifItems()
    inner = [(kind, body) for kind, body in _boxes(metas[0][4:])]
    names = [kind for kind, _ in inner]
    if any(names.count(kind) > 1 for kind in _ONCE):
        raise HeifError("lists of items contradict each other")
    try:
        for kind, body in inner:
            if kind == b"pitm":
                items.primary = _number(body, 4, 2 if body[0] == 0 else 4)
            elif kind == b"iinf":
                _read_kinds(body, items)
            elif kind == b"iref":
                _read_references(body, items)
            elif kind == b"iprp":
                _read_sizes(body, items)
    except IndexError:
        raise HeifError("a box ends early") from None
    return items


def _read_kinds(body: memoryview, items: HeifItems) -> None:
    for kind, entry in _boxes(body[6 if body[0] == 0 else 8 :]):
        if kind == b"infe" and entry[0] in (2, 3):
            wide = 2 if entry[0] == 2 else 4
            items.kinds[_number(entry, 4, wide)] = bytes(entry[6 + wide : 10 + wide])


def _read_references(body: memoryview, items: HeifItems) -> None:
    wide = 2 if body[0] == 0 else 4
    for kind, entry in _boxes(body[4:]):
        source, count = _number(entry, 0, wide), _number(entry, wide, 2)
        targets = [_number(entry, wide + 2 + place * wide, wide) for place in range(count)]
        if kind == b"dimg":
            items.parts.setdefault(source, []).extend(targets)
        elif kind == b"auxl":
            for target in targets:
                items.masks.setdefault(target, []).append(source)


def _read_sizes(body: memoryview, items: HeifItems) -> None:
    """Of several sizes of an item the largest counts."""
    properties: list[tuple[int, int] | None] = []
    associations = []
    for kind, inner in _boxes(body):
        if kind == b"ipco":
            for name, entry in _boxes(inner):
                properties.append((_number(entry, 4, 4), _number(entry, 8, 4)) if name == b"ispe" else None)
        elif kind == b"ipma":
            associations.append(inner)
    for inner in associations:
        wide, long = (2 if inner[0] == 0 else 4), (2 if inner[3] & 1 else 1)
        place = 8
        for _ in range(_number(inner, 4, 4)):
            item, count = _number(inner, place, wide), _number(inner, place + wide, 1)
            place += wide + 1
            for _ in range(count):
                index = _number(inner, place, long) & (0x7FFF if long == 2 else 0x7F)
                place += long
                size = properties[index - 1] if 0 < index <= len(properties) else None
                if size is not None:
                    before = items.sizes.get(item, (0, 0))
                    items.sizes[item] = max(before, size, key=lambda pair: pair[0] * pair[1])


def _boxes(body: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kinds and bodies of the boxes, one after the other."""
    start = 0
    for _ in range(MAX_BOXES):
        if start + 8 > len(body):
            return
        size, header = _number(body, start, 4), 8
        if size == 1:
            size, header = _number(body, start + 8, 8), 16
        elif size == 0:  # up to the end
            size = len(body) - start
        if size < header:
            raise HeifError("a box has no room for itself")
        yield bytes(body[start + 4 : start + 8]), body[start + header : start + size]
        start += size
    raise HeifError("too many boxes")


def _number(body: memoryview, place: int, width: int) -> int:
    piece = body[place : place + width]
    if len(piece) < width:
        raise HeifError("a box ends early")
    return int.from_bytes(piece, "big")
