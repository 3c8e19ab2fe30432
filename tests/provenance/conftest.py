"""Files with metadata in them, made from nothing."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from vision.provenance import read_provenance

Entry = tuple[int, int, bytes]  # tag, type, value
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 13: 4, 16: 8, 129: 1}


class Maker:
    """Writes files, and reads what they say."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "image"

    def read(self, data: bytes) -> dict[str, str]:
        self.path.write_bytes(data)
        return read_provenance(self.path)

    @staticmethod
    def image(kind: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16), "gray").save(buffer, kind, **options)
        return buffer.getvalue()

    @staticmethod
    def segment(marker: int, payload: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload

    def jpeg(self, *segments: bytes) -> dict[str, str]:
        data = self.image("JPEG")
        return self.read(data[:2] + b"".join(segments) + data[2:])

    def exif(self, tiff: bytes) -> dict[str, str]:
        return self.jpeg(self.segment(0xE1, b"Exif\0\0" + tiff))

    def xmp(self, *packets: bytes | str) -> dict[str, str]:
        """Read a WebP file with these packets: its chunks may be of any length."""
        raw = [packet.encode() if isinstance(packet, str) else packet for packet in packets]
        return self.read(self.image("WEBP") + b"".join(self.riff(b"XMP ", packet) for packet in raw))

    @staticmethod
    def riff(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    @staticmethod
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def png(self, *chunks: bytes) -> dict[str, str]:
        data = self.image("PNG")
        return self.read(data[:33] + b"".join(chunks) + data[33:])

    def gif(self, *extensions: bytes) -> dict[str, str]:
        # Eight bytes of screen, no color table, then the trailer.
        return self.read(b"GIF89a\x10\0\x10\0\0\0\0" + b"".join(extensions) + b";")

    @staticmethod
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    @staticmethod
    def tiff(entries: Sequence[Entry], order: str = "<", start: int = 8) -> bytes:
        """One directory at `start`, with a header when that is 8."""
        tail = start + 2 + 12 * len(entries) + 4
        body, values = struct.pack(order + "H", len(entries)), b""
        for tag, kind, value in entries:
            body += struct.pack(order + "HHI", tag, kind, len(value) // WIDTHS[kind])
            body += value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", tail + len(values))
            values += value if len(value) > 4 else b""
        head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8) if start == 8 else b""
        return head + body + bytes(4) + values

    def comment(self, value: bytes, order: str = "<") -> str | None:
        """EXIF with a UserComment in a directory of its own."""
        outer = self.tiff([(0x8769, 4, struct.pack(order + "I", 26))], order)
        inner = self.tiff([(0x9286, 7, value)], order, 26)
        return self.exif(outer + inner).get("exif_user_comment")


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path)
