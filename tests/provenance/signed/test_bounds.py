"""Hostile manifest stores and a library that goes wrong: an answer, always, and no harm done."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import _imagingmath

from vision.provenance.signed import child, read_signed
from vision.provenance.signed.store import Store, find_store

UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
FTYP = b"\0\0\0\x14ftypavif\0\0\0\0avif"


def png_chunk(kind: bytes, data: bytes, claimed: int | None = None) -> bytes:
    return struct.pack(">I", len(data) if claimed is None else claimed) + kind + data + bytes(4)


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def damaged(signing: Any, data: bytes) -> Any:
    claim = signing.claim(data, signing.trust)
    assert claim.signature == "invalid" and len(claim.remarks) == 1
    return claim.remarks[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "MP4"])
def test_stores_that_are_cut_off(signing: Any, kind: str) -> None:
    data = signing.sign(kind)
    start = data.find(b"jumb") + 100
    assert damaged(signing, data[: start + 1000]).startswith("the manifest store is damaged: ")


def test_random_damage_never_raises_and_is_never_valid(signing: Any) -> None:
    """Up to the zeros that fill the place of the signature: those nobody signs."""
    data = np.frombuffer(signing.sign("PNG"), np.uint8)
    start = bytes(data).find(b"jumb")
    stop = bytes(data).find(bytes(200), start)
    rng = np.random.default_rng(0)
    for _ in range(8):
        changed = data.copy()
        changed[rng.integers(start, stop, 4)] ^= rng.integers(1, 256, 4).astype(np.uint8)
        claim = signing.read(changed.tobytes(), signing.trust)
        assert claim is None or (claim.signature == "invalid" and claim.remarks)


def test_each_byte_of_a_statement_counts(signing: Any) -> None:
    data = signing.sign("PNG")
    for word in (b"trainedAlgorithmicMedia", b"c2pa.created", b"Test program"):
        assert signing.claim(data.replace(word, word[:-1] + b"X"), signing.trust).signature == "invalid"


def test_stores_of_gigabytes_are_not_read(signing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("the library was asked")

    monkeypatch.setattr("vision.provenance.signed.reader.validate", never)
    head = signing.file("PNG")[:33]
    expected = "the manifest store claims 1,073,741,824 bytes; more than 67,108,864 are not read"
    assert damaged(signing, head + png_chunk(b"caBX", b"jumb", 1 << 30)) == expected
    riff = b"RIFF\xff\xff\xff\x7fWEBPC2PA" + struct.pack("<I", 1 << 30)
    assert damaged(signing, riff) == expected
    path = signing.folder / "sparse"
    with open(path, "wb") as file:  # a hole: no disk is taken
        file.write(FTYP + struct.pack(">I4sQ", 1, b"uuid", (1 << 30) + 16) + UUID)
        file.truncate((1 << 30) + 200)
    claim = read_signed(path, signing.trust)
    path.unlink()
    assert claim is not None and claim.signature == "invalid" and claim.remarks == (expected,)


def test_many_segments_count_together(signing: Any) -> None:
    """A store of JPEG goes on in segments of 64 KiB, each with the number of the first."""
    first = b"JP\0\1" + struct.pack(">II", 1, 1 << 30) + b"jumb" + b"\0\0\0\x26jumdc2pa" + bytes(32)
    later = b"JP\0\1\0\0\0\2" + bytes(65_000)
    other = b"JP\0\2\0\0\0\2" + bytes(65_000)
    parts = b"".join(b"\xff\xeb" + struct.pack(">H", len(part) + 2) + part for part in (first, later, other, later))
    path = signing.folder / "segments"
    path.write_bytes(b"\xff\xd8" + parts + signing.file("JPEG")[2:])
    with open(path, "rb") as file:
        assert find_store(file) == Store("image/jpeg", len(first) + 2 * len(later))


@pytest.mark.parametrize("depth", [100, 100_000])
def test_boxes_in_boxes(signing: Any, depth: int) -> None:
    """JUMBF superboxes, each with its description, one in the other."""
    description = box(b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0")
    nested = b"".join(
        struct.pack(">I", (len(description) + 8) * (depth - level)) + b"jumb" + description for level in range(depth)
    )
    head = signing.file("PNG")[:33]
    assert damaged(signing, head + png_chunk(b"caBX", nested) + signing.file("PNG")[33:])
    boxes = b"".join(struct.pack(">I", 8 * (depth - level)) + b"moov" for level in range(depth))
    uuid = box(b"uuid", UUID + bytes(4) + b"manifest\0" + bytes(8) + nested[:1000])
    assert damaged(signing, FTYP + uuid + boxes)


def test_boxes_of_no_sense(signing: Any) -> None:
    for store in (b"", b"\xff" * 1000, struct.pack(">I4sQ", 1, b"jumb", 2**63)):
        assert damaged(signing, signing.file("PNG")[:33] + png_chunk(b"caBX", store) + signing.file("PNG")[33:])


Library = Callable[[str], None]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Puts a library of its own in place of c2pa, whose `Reader` runs some lines."""

    def install(lines: str) -> None:
        folder = tmp_path / "c2pa"
        folder.mkdir()
        body = "\n".join(f"        {line}" for line in lines.splitlines())
        (folder / "__init__.py").write_text(
            "import os, socket, sys, time\n"
            "class C2paError(Exception): pass\n"
            "class Context:\n    from_dict = staticmethod(lambda settings: None)\n"
            f"class Reader:\n    def __init__(self, *a, **k):\n{body}\n"
        )
        monkeypatch.setattr("vision.provenance.signed.child.library_folder", lambda: folder)

    return install


def test_a_crash_ends_the_child_alone(signing: Any, library: Library) -> None:
    library("os.abort()")
    expected = "the C2PA library gave up: it crashed, or needed more memory than it may have"
    assert damaged(signing, signing.sign()) == expected


def test_hanging_is_ended(signing: Any, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.provenance.signed.child.SECONDS", 1.0)
    library("time.sleep(250)")
    assert damaged(signing, signing.sign()) == "validation did not end within 1 seconds"


def test_endless_answers_are_ended(signing: Any, library: Library) -> None:
    library("while True: os.write(1, b'[' * 65536)")
    assert damaged(signing, signing.sign()).startswith("the C2PA library gave up")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
def test_no_memory_no_files_no_sockets(signing: Any, library: Library) -> None:
    """What the library may not do raises an error in it; the answer tells which."""
    library(
        """said = []
for name, attempt in [
    ("memory", lambda: bytearray(3 << 30)),
    ("file", lambda: open(__file__)),
    ("socket", lambda: socket.socket()),
    ("pair", lambda: socket.socketpair()),
    ("pipe", lambda: os.pipe()),
]:
    try:
        attempt()
    except (OSError, MemoryError) as error:
        said.append(f"no {name}")
raise C2paError(", ".join(said))"""
    )
    expected = "the manifest store is damaged: no memory, no file, no socket, no pair, no pipe"
    assert damaged(signing, signing.sign()) == expected


def test_a_library_that_does_not_load_is_none(signing: Any, library: Library) -> None:
    data = signing.sign()
    library("pass")
    folder = child.library_folder()
    assert folder is not None
    (folder / "__init__.py").write_text("raise OSError('GLIBC_2.99 not found')")
    assert signing.read(data) is None


def test_code_beside_the_picture_is_not_loaded(signing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library looks for its native part in the current folder first; here lies another one under its names."""
    for name in ("libc2pa_c.so", "libc2pa_c.dylib", "c2pa_c.dll"):
        shutil.copy(_imagingmath.__file__, tmp_path / name)
    for name in ("json.py", "c2pa.py"):
        (tmp_path / name).write_text("raise SystemExit")
    (tmp_path / "image.jpg").write_bytes(signing.sign())
    monkeypatch.setenv("C2PA_LIBRARY_NAME", "libc2pa_c.so")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    claim = read_signed("image.jpg", signing.trust)
    assert claim is not None and claim.signature == "valid"
