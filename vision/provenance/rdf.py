"""XMP packets as what they are: RDF in XML (ISO 16684-1). Names count by namespace and place, never by their looks."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.ElementTree import DefusedXMLParser

from vision.provenance.fields import NAMESPACES
from vision.provenance.found import Found

MAX_DEPTH = 200
MAX_ELEMENTS = 100_000

_RDF = f"{{{NAMESPACES['rdf']}}}"
_ABOUT, _RESOURCE, _VALUE, _PARSE_TYPE = (f"{_RDF}{name}" for name in ("about", "resource", "value", "parseType"))
_LIST_KINDS = (f"{_RDF}Bag", f"{_RDF}Seq", f"{_RDF}Alt")
_WINDOWS_ABOUT = "uuid:faf5bdd5-ba3d-11da-ad31-d33d75182f1b"  # Windows gives this to the image itself
_ENDED = "ended, and so whole"  # no name that XML could have
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# Control letters are no XML, even where damage or padding leaves some.
_ILLEGAL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ROOT = re.compile(r"<[\w.-]+:(?:xmpmeta|xapmeta|RDF)\b")
_COMMENT_OR_TAG = re.compile(r"<!--|<\w")
_DECLARATION = re.compile(r"<\?xml\s[^>]*>")
_BY_MARK = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    # Without a mark: how "<" begins.
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0<", "utf-16-be"),
    (b"<\0", "utf-16-le"),
)


def read_properties(packet: bytes, found: Found) -> list[tuple[str, str]]:
    """Simple properties of the resource that the packet describes, not of what is nested in it or of other resources.

    Args:
        packet: XML, in UTF-8, UTF-16 or UTF-32.
        found: takes notes of damage; what comes before it counts.

    Returns:
        `{namespace}name` and value, in the order of the packet; a list gives a pair for each of its values.
    """
    root = _parse(_decoded(packet), found) if packet.strip(b"\0 \t\r\n") else None
    descriptions = [] if root is None else [node for rdf in _rdf_elements(root) for node in rdf]
    return [pair for node in _own(descriptions) for pair in _properties(node)]


def canonical(name: str) -> str:
    """`{namespace}name` without differences that writers make in namespaces."""
    space, _, local = name.rpartition("}")
    return f"{space.replace('{https:', '{http:').rstrip('/#')}}}{local}"


class _Bounded(TreeBuilder):
    """Keeps the tree as far as it came. Depth and number of elements have bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.root: Element | None = None
        self.depth = self.count = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self.depth += 1
        self.count += 1
        if self.depth > MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise ValueError("too many elements")
        element = super().start(tag, attrs)
        self.root = element if self.root is None else self.root
        return element

    def end(self, tag: str) -> Element:
        self.depth -= 1
        element = super().end(tag)
        element.set(_ENDED, "")  # what was cut off has no value
        return element


def _decoded(packet: bytes) -> str:
    packet = packet.lstrip(b" \t\r\n") if packet[:1] in b" \t\r\n" and packet[1:2] != b"\0" else packet
    encoding = next((encoding for mark, encoding in _BY_MARK if packet.startswith(mark)), "utf-8")
    try:
        return packet.decode(encoding)
    except UnicodeDecodeError as error:
        is_cut = error.end >= len(packet) - 3
        return packet.decode("latin-1" if encoding == "utf-8" and not is_cut else encoding, "replace")


def _parse(text: str, found: Found) -> Element | None:
    """The packet below an element of ours, which declares the usual prefixes, should a packet have lost its own.

    There no document type can be declared, and so no entity; what follows the packet does no harm.
    """
    text = _ILLEGAL.sub(" ", text.strip("\ufeff\0 \t\r\n"))
    text = _DECLARATION.sub("", text[:1000], count=1) + text[1000:]
    root = _ROOT.search(text)
    if root is not None and not _COMMENT_OR_TAG.search(text, 0, root.start()):
        text = text[root.start() :]  # what stands before it is no part of the packet
    text = text[text.find("<") if "<" in text else len(text) : text.rfind(">") + 1]
    if not text:
        found.note("XMP is damaged: it holds no XML")
        return None
    prefixes = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in NAMESPACES.items())
    tree = _Bounded()
    parser = DefusedXMLParser(target=tree, encoding="utf-8", forbid_dtd=True)
    try:
        parser.feed(f"<packet {prefixes}>{text}</packet>".encode())
        parser.close()
    except (SyntaxError, ValueError, AssertionError) as error:
        bound = isinstance(error, ValueError) and str(error) == "too many elements"
        found.note(
            f"XMP beyond {MAX_DEPTH} levels or {MAX_ELEMENTS:,} elements was not read"
            if bound
            else "XMP is damaged or declares entities; what comes before that was read"
        )
    return tree.root


def _rdf_elements(root: Element) -> Iterator[Element]:
    for node in root:
        if node.tag == f"{_RDF}RDF":
            yield node
        elif node.tag.startswith(f"{{{NAMESPACES['x']}}}"):
            yield from (inner for inner in node if inner.tag == f"{_RDF}RDF")


def _own(descriptions: list[Element]) -> list[Element]:
    """Those of the image: with an empty `rdf:about`, else with the same as the first."""
    abouts = [_about(node) for node in descriptions]
    own = {about for about in abouts if about in ("", _WINDOWS_ABOUT)} or set(abouts[:1])
    return [node for node, about in zip(descriptions, abouts, strict=True) if about in own]


def _about(node: Element) -> str:
    identity = node.get(f"{_RDF}nodeID", node.get(f"{_RDF}ID"))
    return (node.get(_ABOUT, node.get("about", "")) if identity is None else f"#{identity}").strip()


def _properties(node: Element) -> Iterator[tuple[str, str]]:
    for name, value in node.attrib.items():
        if not name.startswith(_RDF) and name.startswith("{"):
            yield name, value
    for element in node:
        for value in _values(element):
            yield element.tag, value


def _values(element: Element, depth: int = 0) -> list[str]:
    """Of a property or a list item: a resource, a value with qualifiers, a list, a text; structures have none."""
    if _ENDED not in element.attrib or depth > 3:
        return []
    for name in (_RESOURCE, _VALUE):
        if name in element.attrib:
            return [element.attrib[name]]
    if element.get(_PARSE_TYPE) == "Resource":
        return _qualified(element, depth)
    if not len(element):
        return [] if element.text is None else [element.text]
    values: list[str] = []
    for child in element:
        if child.tag in _LIST_KINDS:
            items = [item for item in child if item.tag == f"{_RDF}li" or item.tag.startswith(f"{_RDF}_")]
            is_choice = child.tag == f"{_RDF}Alt"
            items.sort(key=lambda item: is_choice and item.get(_LANGUAGE) != "x-default")
            values += [value for item in items for value in _values(item, depth + 1)]
        elif child.tag == f"{_RDF}Description":
            values += _qualified(child, depth)
            if not len(child) and not values:  # a term, named by its address
                values += [child.attrib[_ABOUT]] if child.get(_ABOUT) else []
    return values


def _qualified(element: Element, depth: int) -> list[str]:
    if _VALUE in element.attrib:
        return [element.attrib[_VALUE]]
    return [value for child in element if child.tag == _VALUE for value in _values(child, depth + 1)]
