"""XMP of one file: all of its packets, with extended XMP put together."""

from __future__ import annotations

import struct

from vision.provenance.fields import NAMESPACES, PROPERTIES, SOURCE_TYPE
from vision.provenance.found import MAX_PAYLOAD, Found
from vision.provenance.rdf import canonical, read_properties
from vision.provenance.source_types import rank, term_of

MAX_PACKETS = 100
_EXTENSION = canonical(f"{{{NAMESPACES['xmpNote']}}}HasExtendedXMP")


def _full(name: str) -> str:
    prefix, _, local = name.partition(":")
    return canonical(f"{{{NAMESPACES[prefix]}}}{local}")


_FIELD_OF = {_full(name): field for name, field in PROPERTIES.items()}


def read_xmp(found: Found) -> None:
    """Values of all packets; where source types contradict each other, a note says so."""
    if len(found.xmp) > MAX_PACKETS:
        found.note(f"XMP packets beyond the first {MAX_PACKETS} were not read")
    named: list[str] = []
    for packet in dict.fromkeys(found.xmp[:MAX_PACKETS]):
        named += _read_packet(packet, found)
    for packet in _extended(found, {name.strip().upper() for name in named}):
        _read_packet(packet, found)
    types = found.values.get(SOURCE_TYPE, [])
    if types:
        types.sort(key=rank)
        if len({term_of(value) or value for value in types}) > 1:
            found.note(f"source types contradict each other: {', '.join(types[:10])}")
        del types[1:]


def _read_packet(packet: bytes, found: Found) -> list[str]:
    """Returns the identifiers of the extensions that the packet names."""
    named = []
    for name, value in read_properties(packet, found):
        name = canonical(name)
        if name in _FIELD_OF:
            found.add(_FIELD_OF[name], value.strip())
        elif name == _EXTENSION:
            named.append(value)
    return named


def _extended(found: Found, named: set[str]) -> list[bytes]:
    """Packets whose parts (identifier of 32 letters, length of the whole, offset, data) leave no gap."""
    parts: dict[tuple[str, int], list[tuple[int, bytes]]] = {}
    for part in found.extended_xmp:
        if len(part) < 40:
            found.note("extended XMP is damaged")
            continue
        length, offset = struct.unpack(">II", part[32:40])
        parts.setdefault((part[:32].decode("latin-1").upper(), length), []).append((offset, part[40:]))
    packets = []
    for (identifier, length), pieces in parts.items():
        if identifier not in named:
            found.note("extended XMP that no packet names was not read")
        elif length > MAX_PAYLOAD:
            found.note(f"extended XMP beyond {MAX_PAYLOAD:,} bytes was not read")
        else:
            whole = _joined(pieces, length)
            if whole is None:
                found.note("extended XMP has gaps and was not read")
            else:
                packets.append(whole)
    return packets


def _joined(pieces: list[tuple[int, bytes]], length: int) -> bytes | None:
    whole, end = bytearray(length), 0
    for offset, data in sorted(pieces):
        if offset > end or offset + len(data) > length:
            return None
        whole[offset : offset + len(data)] = data
        end = max(end, offset + len(data))
    return bytes(whole) if end == length else None
