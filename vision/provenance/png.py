"""PNG chunks: EXIF, C2PA and the texts that image generators write."""

from __future__ import annotations

import os
import struct
import zlib
from typing import BinaryIO

from vision.provenance.containers import MAX_BLOCKS, MAX_PAYLOAD, Found

MAX_TEXT = 1 << 16
_XMP_KEYWORD = "xml:com.adobe.xmp"

# In lower case: Stable Diffusion web UIs, ComfyUI, InvokeAI (old and new), NovelAI, Fooocus.
_GENERATOR_KEYWORDS = frozenset(
    {
        *("parameters", "postprocessing", "extras", "prompt", "workflow", "dream", "sd-metadata"),
        *("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "fooocus_scheme"),
        *("software", "comment", "description", "title", "source", "usercomment"),
    }
)


def scan_png(file: BinaryIO, found: Found) -> None:
    """All chunks up to IEND; compressed text is inflated up to a bound."""
    file.seek(8)
    for _ in range(MAX_BLOCKS):
        header = file.read(8)
        if len(header) < 8 or header[4:] == b"IEND":
            return
        length, kind = struct.unpack(">I", header[:4])[0], header[4:]
        after = file.tell() + length + 4
        if kind == b"caBX":
            found.c2pa = True
        elif kind == b"eXIf":
            found.exif = file.read(min(length, MAX_PAYLOAD))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _take_text(kind, file.read(min(length, MAX_PAYLOAD)), found)
        file.seek(after, os.SEEK_SET)


def _take_text(kind: bytes, payload: bytes, found: Found) -> None:
    name, _, rest = payload.partition(b"\0")
    keyword = name.decode("latin-1")[:79]
    is_xmp = keyword.lower() == _XMP_KEYWORD
    is_known = found.xmp is not None if is_xmp else keyword in found.text
    if is_known or not (is_xmp or keyword.lower() in _GENERATOR_KEYWORDS):
        return
    try:
        raw, encoding = _raw_text(kind, rest, MAX_PAYLOAD if is_xmp else MAX_TEXT)
    except zlib.error:
        raw, encoding = b"", "utf-8"  # noted all the same: thousands of broken chunks are not inflated one by one
    if is_xmp:
        found.xmp = raw
    else:
        found.text[keyword] = raw.decode(encoding, "replace")


def _raw_text(kind: bytes, rest: bytes, limit: int) -> tuple[bytes, str]:
    if kind == b"tEXt":
        return rest[:limit], _guess(rest)
    if kind == b"zTXt":  # one byte says how it is compressed
        raw = _inflate(rest[1:], limit)
        return raw, _guess(raw)
    # iTXt: compressed or not, method, language, NUL, translated keyword, NUL, UTF-8 text
    is_compressed = rest[:1] == b"\1"
    text = rest[2:].split(b"\0", 2)[-1]
    return (_inflate(text, limit) if is_compressed else text[:limit]), "utf-8"


def _inflate(data: bytes, limit: int) -> bytes:
    return zlib.decompressobj().decompress(data, limit)


def _guess(raw: bytes) -> str:
    """tEXt is Latin-1 by the standard, but several generators write UTF-8."""
    try:
        raw[:MAX_TEXT].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
