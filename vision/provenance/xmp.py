"""Two properties of an XMP packet, found without an XML parser: there are no entities to expand."""

from __future__ import annotations

import html
import re

# name="x", <prefix:name>x</...> or <prefix:name rdf:resource="x"/>, whatever the prefix.
_QUOTED = rb"""\s*=\s*["']([^"'<>]{1,500})["']"""
_PATTERN = rb"[:<\s]%s(?:" + _QUOTED + rb"|\s+[\w.-]{1,40}:resource" + _QUOTED + rb"|\s*>([^<]{1,500})<)"
_PROPERTIES = {
    "xmp_digital_source_type": re.compile(_PATTERN % rb"DigitalSourceType"),
    "xmp_creator_tool": re.compile(_PATTERN % rb"CreatorTool"),
}


def read_xmp(packet: bytes) -> dict[str, str]:
    """Digital source type (IPTC: camera, composite, trained algorithm ...) and creator tool, where present."""
    packet = _as_utf8(packet)
    found: dict[str, str] = {}
    for name, pattern in _PROPERTIES.items():
        match = pattern.search(packet)
        if match:
            value = next(group for group in match.groups() if group is not None)
            found[name] = html.unescape(value.decode("utf-8", "replace"))
    return found


def _as_utf8(packet: bytes) -> bytes:
    head = packet[:64]
    if head.count(0) < len(head) // 4:
        return packet
    encoding = "utf-16-be" if head[::2].count(0) >= head[1::2].count(0) else "utf-16-le"
    return packet.decode(encoding, "replace").encode("utf-8", "replace")
