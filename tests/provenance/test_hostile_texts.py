"""Texts of strangers: huge, nested, of wrong types, with HTML, escapes of terminals and letters that turn lines."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from vision.provenance import PROVENANCE_FIELDS, declare, parse_generator, read_provenance
from vision.provenance.claims import GeneratorClaim
from vision.provenance.fields import FIELDS, NAMESPACES

KEYWORDS = (
    "prompt",
    "workflow",
    "parameters",
    "invokeai_metadata",
    "sd-metadata",
    "Comment",
    "generation_data",
    "AIGC",
)
GRAPH = {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "latent_image": ["1", 0]}}}
DOCUMENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", GRAPH),
    (
        "",
        {"nodes": [{"type": "KSampler", "title": "x", "widgets_values": [5, "fixed"]}], "links": [], "definitions": {}},
    ),
    ("invokeai_metadata", {"positive_prompt": "a", "seed": 1, "model": {"name": "m"}, "app_version": "5"}),
    ("sd-metadata", {"image": {"prompt": [{"prompt": "a"}], "seed": 1}, "app_id": "invoke-ai", "model": "m"}),
    ("", {"Software": "NovelAI", "Source": "s", "Comment": {"prompt": "a", "seed": 1, "v4_prompt": {"caption": {}}}}),
    ("", {"metadata_scheme": "fooocus", "version": "Fooocus", "base_model": "m", "prompt": "a", "seed": "1"}),
    ("", {"software": "RuinedFooocus", "base_model_name": "m", "Prompt": "a", "Seed": 1}),
    ("", {"sui_image_params": {"prompt": "a", "seed": 1, "model": "m"}}),
    ("", {"c": "a", "sampler": "s", "steps": 1, "seed": 1, "model": "m"}),
    ("generation_data", {"baseModel": {"label": "m"}, "prompt": "a", "seed": 1}),
    ("", {"use_stable_diffusion_model": "m", "prompt": "a", "seed": 1}),
    ("", {"AIGC": {"Label": "1", "ContentProducer": "p", "ProduceID": "i"}}),
)
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "\x1b[31m\u202e<b>",
    [],
    [[]],
    [{}],
    {},
    {"prompt": []},
    {"a": {}},
)


def check(metadata: dict[str, str]) -> GeneratorClaim | None:
    """Both functions take it, and give bounded lines without control letters."""
    claim = parse_generator(metadata)
    declared = declare(metadata, None, claim)
    assert declared.declared in ("ai-generated", "ai-edited", "camera", "none")
    lines = [declared.declared_by, *declared.remarks]
    if claim is not None:
        assert claim.generator and type(claim.has_prompt) is bool
        lines += [claim.generator, claim.model, claim.seed, claim.evidence]
        assert claim.prompt is None or (claim.prompt.isprintable() and len(claim.prompt) <= 10_000)
    assert all(line is None or (line.isprintable() and len(line) <= 400) for line in lines)
    return claim


@pytest.mark.parametrize(
    "bomb",
    [
        "[" * 500_000,
        '{"prompt":' * 100_000,
        '{"3": {"class_type": "KSampler", "inputs": {"seed": ' + "[" * 400_000,
        '{"seed": ' + "9" * 900_000 + "}",
        json.dumps({str(n): {"class_type": "KSampler", "inputs": {"model": [str(n + 1), 0]}} for n in range(15_000)}),
        "{" + '"a": {}, ' * 100_000,
        "prompt: " * 120_000,
        "; prompt: {" * 90_000,
        "Steps: 1, Seed: 2, Model: " * 40_000,
        'Steps: 1, Seed: "' * 60_000,
        "Negative prompt: " * 60_000 + "Steps: 20, Sampler: a, Seed: 1",
        '"' + "a" * 20_000 + '"' + " -s 5" * 200_000 + '"',
        "--v 6 " * 170_000,
        "Signature: " + "A" * 1_000_000,
        "AI generated;" * 80_000,
        "\x1b]0;title\x07" * 100_000,
    ],
    ids=lambda bomb: bomb[:12],
)
def test_bombs_cost_nothing(bomb: str) -> None:
    for keyword in ("prompt", "invokeai_metadata", "Comment"):
        check({"png_text": f"{keyword}: {bomb[:300_000]}"})
    check({"exif_user_comment": bomb})


def test_only_the_first_mebibytes_count() -> None:
    line = "a tower Steps: 20, Sampler: Euler, Seed: 1, Size: 1x1"
    assert parse_generator({"exif_user_comment": " " * (1 << 20) + line}) is None
    assert parse_generator({"exif_user_comment": line + " " * (1 << 20)}) is not None
    filled = {f"exif_{n}": " " * (1 << 20) for n in range(4)}
    assert parse_generator({**filled, "exif_user_comment": line}) is None


def variants(document: Any) -> Iterator[Any]:
    """The document with each of its values replaced by each odd one."""
    if isinstance(document, dict):
        for key, value in document.items():
            for odd in (*ODD, *variants(value)):
                yield {**document, key: odd}
    elif isinstance(document, list):
        for place, value in enumerate(document):
            for odd in (*ODD, *variants(value)):
                yield [*document[:place], odd, *document[place + 1 :]]


@pytest.mark.parametrize(("keyword", "document"), DOCUMENTS)
def test_values_of_any_type(keyword: str, document: dict[str, Any]) -> None:
    def read(value: Any) -> GeneratorClaim | None:
        text = json.dumps(value)
        return check({"png_text": f"{keyword}: {text}"} if keyword else {"exif_user_comment": text})

    assert read(document) is not None
    for variant in variants(document):
        read(variant)


def test_metadata_of_any_type() -> None:
    metadata: Any = {"exif_make": None, "png_text": 5, "exif_model": ["x"], "xmp_aigc": b"x"}
    assert check(metadata) is None


def test_escapes_within_json_are_taken_out() -> None:
    graph = {
        "1": {
            "class_type": "Any\x1b[2J",
            "inputs": {"seed": 1, "prompt": "a\x1b]0;x\x07b\u202ec\ud800\n<script>", "model": "m\r\x9b31m"},
        }
    }
    claim = check({"png_text": f"prompt: {json.dumps(graph)}"})
    assert claim is not None
    assert (claim.prompt, claim.model) == ("a ]0;x b c <script>", "m 31m")


HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\x1b]0;t\x07\x9b2J\u202e\u2028\u200b\r\n\t\0x"
NEUTRAL = "<script>alert(1)</script>\"'& [31m ]0;t 2J x"


def packet(text: str) -> bytes:
    """An XMP packet that has this text in all properties which are read."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    names = [name for field in FIELDS for name in field.properties]
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in NAMESPACES.items())
    body = "".join(f"<{name}>{escaped}</{name}>" for name in names)
    return f"<rdf:RDF {spaces}><rdf:Description>{body}</rdf:Description></rdf:RDF>".encode()


def test_html_and_escapes_in_every_field(make: Any) -> None:
    """HTML stays what it is, a text, which whoever writes HTML has to escape; what terminals obey is gone."""
    raw = HOSTILE.replace("\0", "").encode()
    tags = [tag for field in FIELDS for tag in field.tags if tag not in (0x9286, *range(0x9C9B, 0x9CA0))]
    entries = [(tag, 2, raw + b"\0") for tag in sorted(tags)]
    entries += [(tag, 1, HOSTILE.encode("utf-16-le")) for tag in range(0x9C9B, 0x9CA0)]
    entries += [(0x9286, 7, b"ASCII\0\0\0" + raw)]
    datasets = [number for field in FIELDS for _, number in field.datasets]
    records = b"".join(b"\x1c\2" + bytes([number]) + struct.pack(">H", len(raw)) + raw for number in datasets)
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records
    found = make.jpeg(
        make.segment(0xE1, b"Exif\0\0" + make.tiff(entries)),
        make.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet(HOSTILE)),
        make.segment(0xED, block),
        make.segment(0xFE, raw),
    )
    gif = make.gif(b"!\xfe" + bytes([len(raw)]) + raw + b"\0")
    png = make.png(make.chunk(b"tEXt", b"Comment\0" + HOSTILE.encode()))
    everything = {**found, **gif, **png}
    values = {name: value for name, value in everything.items() if name != "provenance_notes"}
    assert set(PROVENANCE_FIELDS) - values.keys() == {"c2pa_manifest", "stealth_text", "provenance_notes"}
    assert all(value.isprintable() and "<script>alert(1)</script>" in value for value in values.values())
    assert values["jpeg_comment"] == NEUTRAL and values["exif_software"].startswith(NEUTRAL[:50])
    check(everything)


def test_png_texts_of_100_megabytes(make: Any) -> None:
    """Of each a mebibyte is kept and 16 are read, 64 in all; a value of the result has 300,000 letters."""
    data, size = make.image("PNG"), 100_000_000
    with make.path.open("wb") as file:
        file.write(data[:33])
        for keyword in (
            b"parameters\0aaa",
            b"prompt\0bbb",
            b"workflow\0ccc",
            b"Comment\0ddd",
            b"Source\0eee",
            b"Title\0fff",
        ):
            file.write(struct.pack(">I", size) + b"tEXt" + keyword)
            file.seek(size - len(keyword) + 4, 1)  # a hole, which reads as NULs
        file.write(make.chunk(b"tEXt", b"Software\0Editor") + data[33:])
    assert make.path.stat().st_size > 6 * size
    found = read_provenance(make.path)
    assert found["png_text"] == "parameters: aaa; prompt: bbb; workflow: ccc; Comment: ddd"
    assert "PNG text beyond 1,048,576 bytes was not read" in found["provenance_notes"]
    assert "metadata beyond 16,777,216 bytes was not read" in found["provenance_notes"]


@pytest.mark.parametrize("claimed", [0, 1, 2**31 - 1, 2**32 - 1])
def test_xmp_that_lies_about_its_length(make: Any, claimed: int) -> None:
    """In a WebP chunk, a PNG text, a JPEG segment and a box: what is there counts, or nothing; there is no error."""
    xmp = packet("Editor")
    webp = make.image("WEBP") + b"XMP " + struct.pack("<I", claimed) + xmp
    png = make.image("PNG")
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
    png = (
        png[:33]
        + struct.pack(">I", claimed)
        + b"iTXt"
        + text
        + struct.pack(">I", zlib.crc32(b"iTXt" + text))
        + png[33:]
    )
    jpeg = make.image("JPEG")
    payload = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    jpeg = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", claimed & 0xFFFF) + payload + jpeg[2:]
    box = make.box(b"ftyp", b"jxl \0\0\0\0") + struct.pack(">I", claimed) + b"xml " + xmp
    for data in (webp, png, jpeg, box):
        found = make.read(data)
        assert found.get("xmp_creator_tool") in (None, "Editor")
        check(found)
    if claimed > 1:
        assert make.read(webp)["xmp_creator_tool"] == "Editor"
        assert "cut off by the end of the file" in make.read(webp)["provenance_notes"]


def test_extended_xmp_that_lies_about_its_length(make: Any) -> None:
    name = "0123456789ABCDEF" * 2
    space = "http://ns.adobe.com/xmp/note/"
    description = f'<rdf:Description xmlns:n="{space}" n:HasExtendedXMP="{name}"/>'
    main = f'<rdf:RDF xmlns:rdf="{NAMESPACES["rdf"]}">{description}</rdf:RDF>'
    first = make.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main.encode())
    for total, offset in ((2**32 - 1, 0), (1 << 24, 0), (10, 2**32 - 1), (0, 0), (5, 3)):
        part = name.encode() + struct.pack(">II", total, offset) + packet("Editor")
        found = make.jpeg(first, make.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + part))
        assert "xmp_creator_tool" not in found and "extended XMP" in found["provenance_notes"]


def test_random_texts_never_raise() -> None:
    rng = np.random.default_rng(0)
    words = [
        *("Steps: 20, ", "Seed: 1, ", "; prompt: ", "{", "}", "[", "]", '"', ": ", "\\", "Negative prompt: ", ", ")
    ]
    words += [
        "Civitai resources: ",
        '"class_type"',
        '"inputs"',
        '"nodes"',
        "NovelAI",
        "--v 6",
        "Job ID: ",
        "Sampler: a",
        "\ud800",
    ]
    for _ in range(2000):
        text = "".join(rng.choice(words, rng.integers(1, 30)))
        check(dict.fromkeys(("png_text", "exif_user_comment", "xmp_aigc", "exif_model", "xmp_credit"), text))
