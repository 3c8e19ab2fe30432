"""What the readers of the containers hand over: raw metadata of one file, and how much of it may be read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

MAX_PAYLOAD = 16 << 20
MAX_TOTAL = 64 << 20
MAX_BLOCKS = 100_000
MAX_NOTES = 20

# Everything that reading damaged or hostile bytes can raise; the readers are bounded, so there is no MemoryError.
MALFORMED = (OSError, ValueError, OverflowError, LookupError, SyntaxError, struct.error, zlib.error)


@dataclass
class Found:
    """Raw metadata of one file. There may be several of each kind: none replaces another.

    Attributes:
        exif: TIFF structures: their bytes, or the file when that is a TIFF itself.
        xmp: XMP packets.
        extended_xmp: parts of extended XMP in JPEG, each with its identifier, length and offset.
        photoshop: Photoshop's resource blocks.
        iptc: IPTC-IIM records.
        texts: PNG's, keyword and text.
        values: what needs no more reading, by the name of its field.
        c2pa: a C2PA manifest store is present.
        notes: what is damaged or beyond a bound.
        budget: bytes that may still be read or inflated.
    """

    exif: list[bytes | BinaryIO] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    extended_xmp: list[bytes] = field(default_factory=list)
    photoshop: list[bytes] = field(default_factory=list)
    iptc: list[bytes] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    c2pa: bool = False
    notes: list[str] = field(default_factory=list)
    budget: int = MAX_TOTAL

    def add(self, name: str, value: str) -> None:
        """A value of a field; blanks and repetitions are left out."""
        values = self.values.setdefault(name, [])
        if value.strip("\0 \t\r\n") and value not in values and len(values) < MAX_BLOCKS // 100:
            values.append(value)

    def note(self, text: str) -> None:
        """Say once what could not be read."""
        if text not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def read(self, file: BinaryIO, length: int, limit: int = MAX_PAYLOAD) -> bytes:
        """At most `length` bytes, within `limit` and the budget."""
        allowed = min(max(length, 0), limit, self.budget)
        if allowed < length:
            self.note(f"metadata beyond {allowed if allowed == limit else MAX_TOTAL:,} bytes was not read")
        data = file.read(allowed)
        self.budget -= len(data)
        if len(data) < allowed:
            self.note("metadata is cut off by the end of the file")
        return data

    def inflate(self, data: bytes, limit: int = MAX_PAYLOAD, window: int = zlib.MAX_WBITS) -> bytes:
        """Inflated bytes, within `limit` and the budget; what comes before damage counts."""
        inflater, pieces, left = zlib.decompressobj(window), [], min(limit, self.budget)
        view = memoryview(data)
        try:
            for start in range(0, len(data), 4096):
                if left <= 0 or inflater.eof:
                    break
                piece = inflater.decompress(view[start : start + 4096], left)
                pieces.append(piece)
                left -= len(piece)
            if not inflater.eof:
                self.note(f"compressed text beyond {limit:,} bytes was not read" if left <= 0 else _CUT)
        except zlib.error:
            self.note(_CUT)
        self.budget -= sum(map(len, pieces))
        return b"".join(pieces)

    @contextmanager
    def tolerating(self, what: str) -> Iterator[None]:
        """Damage costs a note: what came before still counts, and so does what stands elsewhere."""
        try:
            yield
        except MALFORMED:
            self.note(f"{what} is damaged")


_CUT = "compressed text is damaged or cut off"


def is_c2pa_jumbf(box: bytes) -> bool:
    """Whether a JUMBF superbox is a C2PA manifest store: its description box has the type `c2pa`.

    Layout: length, "jumb", perhaps a long length, then length, "jumd", 16 bytes of type, which begins with the letters.
    """
    start = 16 if box[:4] == b"\0\0\0\1" else 8
    return box[4:8] == b"jumb" and box[start + 4 : start + 12] == b"jumdc2pa"
