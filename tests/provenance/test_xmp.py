"""XMP: properties of the image itself, however they are spelled, and of nothing else."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest

BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MODEL, CAMERA, COMPOSITE = f"{BASE}trainedAlgorithmicMedia", f"{BASE}digitalCapture", f"{BASE}composite"
PREFIXES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:m="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:c="http://ns.adobe.com/xap/1.0/" xmlns:n="http://ns.adobe.com/xmp/note/" '
    'xmlns:p="http://ns.adobe.com/photoshop/1.0/" xmlns:t="http://purl.org/dc/terms/"'
)


def rdf(inside: str) -> str:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {PREFIXES}>{inside}</rdf:RDF></x:xmpmeta>'


def about(inside: str, attributes: str = "") -> str:
    return rdf(f'<rdf:Description rdf:about="" {attributes}>{inside}</rdf:Description>')


def typed(value: str) -> str:
    return f"<e:DigitalSourceType>{value}</e:DigitalSourceType>"


SPELLINGS = {
    "attribute": about("", f'e:DigitalSourceType="{MODEL}"'),
    "single quotes": about("", f"e:DigitalSourceType='{MODEL}'"),
    "element": about(typed(f"\n {MODEL} \n")),
    "older name": about("", f'e:DigitalSourceFileType="{MODEL}"'),
    "resource": about(f'<e:DigitalSourceType rdf:resource="{MODEL}"/>'),
    "language": about(f'<e:DigitalSourceType xml:lang="en">{MODEL}</e:DigitalSourceType>'),
    "character data": about(typed(f"<![CDATA[{MODEL}]]>")),
    "comment inside": about(typed(f"<!-- {CAMERA} -->{MODEL}")),
    "character reference": about(typed(MODEL.replace("t", "&#x74;"))),
    "bag": about(typed(f"<rdf:Bag><rdf:li>{MODEL}</rdf:li></rdf:Bag>")),
    "sequence of resources": about(typed(f'<rdf:Seq><rdf:li rdf:resource="{MODEL}"/></rdf:Seq>')),
    "choice": about(typed(f'<rdf:Alt><rdf:li xml:lang="x-default">{MODEL}</rdf:li></rdf:Alt>')),
    "value and qualifiers": about(typed(f"<rdf:Description><rdf:value>{MODEL}</rdf:value></rdf:Description>")),
    "value as attribute": about(f'<e:DigitalSourceType rdf:value="{MODEL}" e:Note="a"/>'),
    "parsed as resource": about(
        f'<e:DigitalSourceType rdf:parseType="Resource"><rdf:value>{MODEL}</rdf:value></e:DigitalSourceType>'
    ),
    "list item with qualifiers": about(
        typed(f'<rdf:Bag><rdf:li rdf:parseType="Resource"><rdf:value>{MODEL}</rdf:value></rdf:li></rdf:Bag>')
    ),
    "term as node": about(typed(f'<rdf:Description rdf:about="{MODEL}"/>')),
    "second description": rdf(
        f'<rdf:Description rdf:about="" c:Rating="1"/><rdf:Description>{typed(MODEL)}</rdf:Description>'
    ),
    "named resource": rdf(f'<rdf:Description rdf:about="uuid:1">{typed(MODEL)}</rdf:Description>'),
    "without xmpmeta": f'<?xml version="1.0" encoding="utf-8"?>{about(typed(MODEL))[36:-12]}',
    "undeclared prefixes": f'<rdf:RDF><rdf:Description Iptc4xmpExt:DigitalSourceType="{MODEL}"/></rdf:RDF>',
    "other prefix": about("", f'xmlns:zz="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" zz:DigitalSourceType="{MODEL}"'),
    "control letters": about(typed(MODEL), 'c:Label="\x01\x02"'),
    "cut off": about(typed(MODEL))[:-20],
    "packet of other words": '<?xpacket begin="\ufeff" id="W5M0"?>\n'
    + about(typed(MODEL))
    + "\n<?xpacket end='w'?>\0\0 ",
}


@pytest.mark.parametrize("packet", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings(make: Any, packet: str) -> None:
    assert make.xmp(packet)["xmp_digital_source_type"] == MODEL


NOT_THE_IMAGE = {
    "caption": f'<dc:description>e:DigitalSourceType="{CAMERA}"</dc:description>',
    "escaped caption": f"<dc:title>&lt;e:DigitalSourceType&gt;{CAMERA}&lt;/e:DigitalSourceType&gt;</dc:title>",
    "comment": f"<!-- <e:DigitalSourceType>{CAMERA}</e:DigitalSourceType> -->",
    "character data": f"<dc:title><![CDATA[<e:DigitalSourceType>{CAMERA}</e:DigitalSourceType>]]></dc:title>",
    "ingredient": f'<m:Ingredients><rdf:Bag><rdf:li e:DigitalSourceType="{CAMERA}"/></rdf:Bag></m:Ingredients>',
    "pantry": "<m:Pantry><rdf:Bag><rdf:li><rdf:Description>"
    + typed(CAMERA)
    + "</rdf:Description></rdf:li></rdf:Bag></m:Pantry>",
    "structure": f'<m:DerivedFrom rdf:parseType="Resource">{typed(CAMERA)}</m:DerivedFrom>',
    "structure as value": f'<e:DigitalSourceType rdf:parseType="Resource"><e:A>{CAMERA}</e:A></e:DigitalSourceType>',
    "other namespace": f'<q:DigitalSourceType xmlns:q="http://other.example/">{CAMERA}</q:DigitalSourceType>',
    "longer name": f"<e:NotDigitalSourceType>{CAMERA}</e:NotDigitalSourceType>",
    "empty": "<e:DigitalSourceType/>",
}


@pytest.mark.parametrize("other", NOT_THE_IMAGE.values(), ids=NOT_THE_IMAGE)
def test_what_is_not_of_the_image_counts_for_nothing(make: Any, other: str) -> None:
    assert "xmp_digital_source_type" not in make.xmp(about(other))
    found = make.xmp(about(other + typed(MODEL)))
    assert found["xmp_digital_source_type"] == MODEL and "provenance_notes" not in found


def test_other_resources_count_for_nothing(make: Any) -> None:
    other = f'<rdf:Description rdf:about="#part">{typed(CAMERA)}</rdf:Description>'
    own = f'<rdf:Description rdf:about="">{typed(MODEL)}</rdf:Description>'
    for packet in (rdf(other + own), rdf(own + other)):
        assert make.xmp(packet) == {"xmp_digital_source_type": MODEL}


def test_elements_that_only_look_like_rdf_count_for_nothing(make: Any) -> None:
    inside = f'<rdf:Description rdf:about="">{typed(CAMERA)}</rdf:Description>'
    assert make.xmp(f'<RDF xmlns="http://other.example/" {PREFIXES}>{inside}</RDF>') == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_encodings(make: Any, encoding: str, mark: bool) -> None:
    text = about(typed(MODEL), 'c:CreatorTool="Café 猫"')
    found = make.xmp(("\ufeff" * mark + text).encode(encoding))
    assert found == {"xmp_digital_source_type": MODEL, "xmp_creator_tool": "Café 猫"}


def test_latin_1(make: Any) -> None:
    packet = '<?xml version="1.0" encoding="iso-8859-1"?>' + about("", 'c:CreatorTool="Caf\xe9"')
    assert make.xmp(packet.encode("latin-1")) == {"xmp_creator_tool": "Café"}


@pytest.mark.parametrize("values", [[CAMERA, MODEL], [MODEL, CAMERA], [CAMERA, COMPOSITE, MODEL]])
def test_a_camera_never_hides_a_model(make: Any, values: list[str]) -> None:
    one = about(typed("<rdf:Bag>" + "".join(f"<rdf:li>{value}</rdf:li>" for value in values) + "</rdf:Bag>"))
    for packets in ([one], [about(typed(value)) for value in values]):
        found = make.xmp(*packets)
        assert found["xmp_digital_source_type"] == MODEL
        assert all(value in found["provenance_notes"] for value in values)
        assert "contradict" in found["provenance_notes"]


def test_two_spellings_of_a_term_do_not_contradict_each_other(make: Any) -> None:
    found = make.xmp(about(typed(MODEL.replace("http:", "https:")), f'e:DigitalSourceFileType="{MODEL}"'))
    assert found == {"xmp_digital_source_type": MODEL}


def test_all_packets_are_read(make: Any) -> None:
    empty, first = about("", 'c:CreatorTool=""'), about("", 'c:CreatorTool="Editor 1" p:Credit="Agency"')
    second = about("", f'c:CreatorTool="Editor 2" e:DigitalSourceType="{MODEL}"')
    expected = {"xmp_digital_source_type": MODEL, "xmp_creator_tool": "Editor 1; Editor 2", "xmp_credit": "Agency"}
    assert make.xmp(empty, first, second) == expected
    segments = [make.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode()) for text in (first, second)]
    assert make.jpeg(*segments) == expected


def test_links_to_manifests_and_lists_in_order(make: Any) -> None:
    creators = "<dc:creator><rdf:Seq><rdf:li>A</rdf:li><rdf:li>B</rdf:li></rdf:Seq></dc:creator>"
    titles = '<rdf:li xml:lang="de">Turm</rdf:li><rdf:li xml:lang="x-default">Tower</rdf:li>'
    titles = f"<dc:title><rdf:Alt>{titles}</rdf:Alt></dc:title>"
    assert make.xmp(about(creators + titles, 't:provenance="https://m.example/1.c2pa"')) == {
        "xmp_title": "Tower; Turm",
        "xmp_creator": "A; B",
        "c2pa_remote_manifest": "https://m.example/1.c2pa",
    }


class TestExtended:
    """Packets of more than a segment of JPEG."""

    whole = about(typed(MODEL) + f"<e:Note>{'n' * 3000}</e:Note>").encode()
    identifier = hashlib.md5(whole).hexdigest().upper()

    def main(self, make: Any, identifier: str | None = None) -> bytes:
        text = about("", f'n:HasExtendedXMP="{identifier or self.identifier}"').encode()
        return make.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text)

    def parts(self, make: Any, offsets: tuple[int, ...] = (0, 1000, 2000, 3000)) -> list[bytes]:
        def part(offset: int) -> bytes:
            head = self.identifier.encode() + struct.pack(">II", len(self.whole), offset)
            data = self.whole[offset : offset + 1000 if offset < 3000 else None]
            return make.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + head + data)

        return [part(offset) for offset in offsets]

    def test_is_joined_in_any_order(self, make: Any) -> None:
        for offsets in ((0, 1000, 2000, 3000), (3000, 1000, 0, 2000), (0, 0, 1000, 2000, 3000)):
            expected = {"xmp_digital_source_type": MODEL}
            assert make.jpeg(self.main(make), *self.parts(make, offsets)) == expected
            assert make.jpeg(*self.parts(make, offsets), self.main(make)) == expected

    @pytest.mark.parametrize("offsets", [(0, 2000, 3000), (1000, 2000, 3000), (0, 1000, 2000)])
    def test_with_gaps_is_refused(self, make: Any, offsets: tuple[int, ...]) -> None:
        found = make.jpeg(self.main(make), *self.parts(make, offsets))
        assert found == {"provenance_notes": "extended XMP has gaps and was not read"}

    def test_of_another_packet_is_refused(self, make: Any) -> None:
        found = make.jpeg(self.main(make, "0" * 32), *self.parts(make))
        assert found == {"provenance_notes": "extended XMP that no packet names was not read"}


@pytest.mark.parametrize(
    "packet",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
        + about("", 'c:CreatorTool="&a;&f;"'),
        about("", 'c:CreatorTool="&a;"'),
        about("<a>" * 300_000),
        about("<c:Label/>" * 200_000 + typed(CAMERA)),
        "<" * 1_000_000,
        about("<c:Label " + " ".join(f"a{n}=''" for n in range(50_000)) + " <"),
    ],
    ids=["document type", "entity", "deep", "many", "no XML", "attributes"],
)
def test_hostile_packets_cost_a_note(make: Any, packet: str) -> None:
    packets = [packet, about(typed(MODEL))]
    found = make.xmp(*packets)
    assert found.pop("provenance_notes").startswith("XMP ")
    assert found == {"xmp_digital_source_type": MODEL}


@pytest.mark.parametrize("before", ["<!DOCTYPE xmp>", "junk <<& "])
def test_what_stands_before_the_packet_hides_nothing(make: Any, before: str) -> None:
    assert make.xmp(before + about(typed(MODEL))) == {"xmp_digital_source_type": MODEL}


def test_prefixes_of_a_root_without_prefix(make: Any) -> None:
    root = '<xmpmeta xmlns="adobe:ns:meta/" xmlns:q="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
    packet = root + about(f"<q:DigitalSourceType>{MODEL}</q:DigitalSourceType>")[36:-12] + "</xmpmeta>"
    assert make.xmp(packet) == {"xmp_digital_source_type": MODEL}


def test_what_comes_before_damage_counts(make: Any) -> None:
    found = make.xmp(about(typed(MODEL) + "<c:CreatorTool>cut &nbsp; here</c:CreatorTool>"))
    assert found["xmp_digital_source_type"] == MODEL
    assert "xmp_creator_tool" not in found and "damaged" in found["provenance_notes"]
