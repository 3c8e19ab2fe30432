"""Damaged and hostile metadata: bounded, a note, never an error, and never the loss of what stands elsewhere."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision.provenance import PROVENANCE_FIELDS, read_provenance
from vision.provenance.found import Found

SOFTWARE = (0x0131, 2, b"Editor 1.0\0")


def with_exif(make: Any, kind: str) -> bytes:
    tags = Image.Exif()
    tags[0x0131] = "Editor 1.0"
    tags.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a cat".encode("utf-16-be")
    return make.image(kind, **({"exif": tags} if kind not in ("JPEG2000", "GIF") else {}))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "JPEG2000", "GIF"])
def test_malformed_files_never_raise(make: Any, kind: str) -> None:
    data = np.frombuffer(with_exif(make, kind), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = data.copy()
        places = rng.integers(0, min(len(data), 600), rng.integers(1, 9))
        damaged[places] = rng.choice([0, 1, 127, 255], len(places))
        found = make.read(damaged[: rng.integers(1, len(data) + 1)].tobytes())
        assert list(found) == [name for name in PROVENANCE_FIELDS if name in found]
        assert all(isinstance(value, str) and 0 < len(value) <= 300_000 for value in found.values())


@pytest.mark.parametrize(
    ("keyword", "limit"), [(b"prompt", 1 << 20), (b"XML:com.adobe.xmp", 16 << 20), (b"Raw profile type exif", 16 << 20)]
)
def test_bombs_are_not_inflated(make: Any, keyword: bytes, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred of them: 1 or 16 MiB at most of each, 64 MiB in all."""
    made = []
    inflater = zlib.decompressobj

    class Watched:
        def __init__(self, window: int = zlib.MAX_WBITS) -> None:
            self.inner = inflater(window)
            made.append(0)

        def decompress(self, data: bytes, limit: int = 0) -> bytes:
            piece = self.inner.decompress(data, limit)
            made[-1] += len(piece)
            return piece

        @property
        def eof(self) -> bool:
            return self.inner.eof

    monkeypatch.setattr("vision.provenance.found.zlib.decompressobj", Watched)
    bomb = zlib.compress(bytes(1 << 25), 9)
    found = make.png(*(make.chunk(b"zTXt", keyword + b"\0\0" + bomb) for _ in range(100)))
    assert "was not read" in found["provenance_notes"] and "png_text" not in found
    assert max(made) == limit
    assert sum(made) <= (64 << 20) + 16 * 49  # and the pixels


def test_the_budget_of_a_file_ends() -> None:
    found = Found(budget=10)
    assert found.read(io.BytesIO(bytes(20)), 20) == bytes(10)
    assert found.read(io.BytesIO(bytes(20)), 20) == b"" == found.inflate(zlib.compress(b"text"))
    assert found.budget == 0 and "metadata beyond 67,108,864 bytes was not read" in found.notes


def test_text_before_damage_counts(make: Any) -> None:
    text = np.random.default_rng(0).integers(97, 122, 50_000).astype(np.uint8).tobytes()
    packed = bytearray(zlib.compress(text))
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) - len(packed) // 2)
    found = make.png(make.chunk(b"zTXt", b"prompt\0\0" + packed), make.chunk(b"tEXt", b"workflow\0{}"))
    assert found["png_text"].startswith("prompt: " + text[:10_000].decode())
    assert found["png_text"].endswith("; workflow: {}")
    assert found["provenance_notes"] == "compressed text is damaged or cut off"


def test_directories_that_loop_are_read_once(make: Any) -> None:
    tiff = make.tiff([(0x8769, 4, struct.pack("<I", 8)), SOFTWARE])
    assert make.exif(tiff) == {"exif_software": "Editor 1.0"}


@pytest.mark.parametrize(
    "entry",
    [
        (0x8769, 4, struct.pack("<I", 0xFFFFFFFF)),  # a directory that is not there
        (0x8769, 4, struct.pack("<I", 2)),  # one in the header
    ],
)
def test_a_damaged_directory_costs_itself_alone(make: Any, entry: tuple[int, int, bytes]) -> None:
    found = make.exif(make.tiff([entry, SOFTWARE]))
    assert found.pop("exif_software") == "Editor 1.0"
    assert list(found) == ["provenance_notes"] and found["provenance_notes"].startswith("EXIF")


def test_values_beyond_the_end_cost_a_note(make: Any) -> None:
    tiff = bytearray(make.tiff([(0x010F, 2, b"Camera 1\0"), SOFTWARE]))
    tiff[14:18] = struct.pack("<I", 0x7FFFFFFF)  # letters of the first
    found = make.exif(bytes(tiff))
    assert found["exif_software"] == "Editor 1.0" and "cut off" in found["provenance_notes"]


def test_one_damaged_structure_leaves_the_others(make: Any) -> None:
    broken, whole = b"Exif\0\0not a TIFF", b"Exif\0\0" + make.tiff([SOFTWARE])
    found = make.jpeg(
        make.segment(0xE1, broken), make.segment(0xE1, whole), make.segment(0xED, b"Photoshop 3.0\x008BIM")
    )
    assert found["exif_software"] == "Editor 1.0"
    assert found["provenance_notes"] == "a block of Photoshop is damaged; EXIF is damaged"


def test_a_file_cut_off_keeps_what_comes_before(make: Any) -> None:
    data = with_exif(make, "JPEG")
    assert make.read(data[: data.index(b"a cat".decode().encode("utf-16-be")) + 40])["exif_software"] == "Editor 1.0"


def test_boxes_that_claim_too_much(make: Any) -> None:
    ftyp = make.box(b"ftyp", b"avif\0\0\0\0")
    endless = struct.pack(">I4sQ", 1, b"free", 2**63 + 5)
    assert make.read(ftyp + endless) == {}
    iinf = make.box(b"iinf", bytes(6))
    extents = bytes(4) + b"\x00\x00\xff\xff" + (b"\0\1\0\0" + b"\xff\xff") * 1000  # 65,535 extents of no bytes each
    found = make.read(ftyp + make.box(b"meta", bytes(4) + iinf + make.box(b"iloc", extents)))
    assert found == {"provenance_notes": "the list of items is damaged"}
    infe = make.box(b"infe", b"\2\0\0\0" + b"\0\1\0\0mime\0application/rdf+xml\0")
    endless = bytes(4) + b"\x40\0\0\1" + b"\0\1\0\0" + b"\xff\xff" + bytes(4 * 65535)  # each up to the end
    meta = make.box(b"iinf", bytes(4) + b"\0\1" + infe) + make.box(b"iloc", endless)
    assert make.read(ftyp + make.box(b"meta", bytes(4) + meta)) == {"provenance_notes": "the list of items is damaged"}
    tiny = make.box(b"free", b"")
    assert make.read(ftyp + tiny * 20_000) == {}


def test_segments_blocks_and_texts_are_bounded(make: Any) -> None:
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG")
    comments = b"".join(make.segment(0xFE, b"%d" % n) for n in range(5_000))
    found = make.read(buffer.getvalue()[:2] + comments + buffer.getvalue()[2:])
    assert found["jpeg_comment"].startswith("0; 1; 2") and len(found["jpeg_comment"]) < 10_000
    found = make.png(*(make.chunk(b"tEXt", b"prompt\0%d" % n) for n in range(3_000)))
    assert found["png_text"].count("prompt") == 1_000
    assert found["provenance_notes"] == "PNG texts beyond the first 1,000 were not read"
    assert make.gif(b"!\xfe" + b"\1a" * 300_001 + b"\0") == {"gif_comment": "a" * 299_999 + "…"}


def test_nothing_to_find(make: Any) -> None:
    for data in (make.image("PNG"), make.image("WEBP"), b"", b"no image", b"\xff\xd8", b"RIFF\0\0\0\0WEBP"):
        assert make.read(data) == {}
    assert make.read(b"GIF89a") == {"provenance_notes": "metadata is damaged"}
    assert read_provenance(make.path.parent) == read_provenance(make.path.parent / "missing") == {}
