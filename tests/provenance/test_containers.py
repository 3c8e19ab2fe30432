"""Provenance metadata: found where each kind of file keeps it, bounded, and never an error."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from vision.provenance import read_provenance

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Paint &amp; Co" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>'
).encode()
FROM_XMP = {"xmp_digital_source_type": SOURCE_TYPE, "xmp_creator_tool": "Paint & Co"}
JUMBF = b"\0\0\0\x26jumb\0\0\0\x1ejumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\0"
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
IMAGE = Image.new("RGB", (16, 16), "gray")


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x0131], tags[0x010F], tags[0x0110] = "Editor 1.0", "Maker", "Model X"
    tags.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a cat, steps: 20".encode("utf-16-be")
    return tags


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(path: Path, *chunks: bytes) -> Path:
    IMAGE.save(path, format="PNG")
    data = path.read_bytes()
    path.write_bytes(data[:33] + b"".join(chunks) + data[33:])
    return path


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "png"])
def test_exif_and_xmp(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    options: dict = {"xmp": XMP}
    if suffix == "png":
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    IMAGE.save(path, exif=exif(), **options)
    assert read_provenance(path) == {
        "exif_software": "Editor 1.0",
        "exif_make": "Maker",
        "exif_model": "Model X",
        "exif_user_comment": "a cat, steps: 20",
        "xmp_digital_source_type": SOURCE_TYPE,
        "xmp_creator_tool": "Paint & Co",
    }


def test_tiff(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[305], tags[271], tags[700], tags[0xCD41] = "Editor 1.0", "Maker", XMP, b"store"
    tags.tagtype[0xCD41] = 7
    IMAGE.save(tmp_path / "a.tif", tiffinfo=tags)
    found = read_provenance(tmp_path / "a.tif")
    assert (found["exif_software"], found["exif_make"]) == ("Editor 1.0", "Maker")
    assert found["xmp_digital_source_type"] == SOURCE_TYPE
    assert found["c2pa_manifest"] == "present, not validated"


def test_c2pa_in_jpeg(tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()

    def app11(box: bytes) -> bytes:
        body = b"JP\0\1\0\0\0\1" + box
        return b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body

    (tmp_path / "a.jpg").write_bytes(data[:2] + app11(JUMBF) + data[2:])
    assert read_provenance(tmp_path / "a.jpg") == {"c2pa_manifest": "present, not validated"}
    (tmp_path / "other.jpg").write_bytes(data[:2] + app11(JUMBF.replace(b"c2pa", b"json")) + data[2:])
    assert read_provenance(tmp_path / "other.jpg") == {}


def test_c2pa_in_png_webp_and_avif(tmp_path: Path) -> None:
    png_with(tmp_path / "a.png", chunk(b"caBX", JUMBF))
    IMAGE.save(tmp_path / "a.webp", exif=exif())
    with (tmp_path / "a.webp").open("ab") as file:
        file.write(b"C2PA" + struct.pack("<I", len(JUMBF)) + JUMBF)
    IMAGE.save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    box = b"uuid" + C2PA_UUID + bytes(20)
    (tmp_path / "a.avif").write_bytes(data + struct.pack(">I", 4 + len(box)) + box)
    for name in ("a.png", "a.webp", "a.avif"):
        assert read_provenance(tmp_path / name)["c2pa_manifest"] == "present, not validated", name


def test_texts_of_generators(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat\nSteps: 20", zip=True)
    info.add_itxt("workflow", '{"é": 1}', zip=True)
    info.add_text("Software", "NovelAI")
    info.add_text("Author", "somebody")
    info.add_text("date:create", "2026")
    info.add_text("icc:copyright", "of the profile")
    info.add_text("prompt", "after Author")
    IMAGE.save(tmp_path / "a.png", pnginfo=info)
    assert read_provenance(tmp_path / "a.png") == {
        "png_text": 'parameters: a cat Steps: 20; workflow: {"é": 1}; Software: NovelAI; '
        "prompt: after Author; Author: somebody"
    }


def test_nothing_to_find(tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "plain.png")
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no image")
    for path in (tmp_path / "plain.png", tmp_path / "empty", tmp_path / "text", tmp_path / "missing", tmp_path):
        assert read_provenance(path) == {}


def test_empty_texts_hide_nothing(make: Any) -> None:
    texts = [
        b"parameters\0",
        b"parameters\0 ",
        b"parameters\0Steps: 20",
        b"Parameters\0Steps: 30",
        b"parameters\0Steps: 20",
    ]
    assert make.png(*(make.chunk(b"tEXt", text) for text in texts)) == {
        "png_text": "parameters: Steps: 20; Parameters: Steps: 30"
    }


def test_empty_tags_hide_nothing(make: Any) -> None:
    software = [(0x0131, 2, b"\0"), (0x0131, 2, b"     \0"), (0x0131, 2, b"Editor 1.0\0")]
    assert make.exif(make.tiff(software)) == {"exif_software": "Editor 1.0"}
    segments = [make.segment(0xE1, b"Exif\0\0" + make.tiff([tag])) for tag in software]
    assert make.jpeg(*segments) == {"exif_software": "Editor 1.0"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (0x010D, "exif_document_name"),
        (0x010E, "exif_description"),
        (0x010F, "exif_make"),
        (0x0110, "exif_model"),
        (0x0131, "exif_software"),
        (0x013B, "exif_artist"),
        (0x013C, "exif_host_computer"),
        (0x8298, "exif_copyright"),
        (0xA436, "exif_description"),
        (0xA437, "exif_artist"),
        (0xA438, "exif_editor"),
        (0xA43A, "exif_editor"),
        (0xA43B, "exif_editor"),
        (0xA43C, "exif_editor"),
    ],
)
def test_tags_of_exif(make: Any, tag: int, name: str, order: str) -> None:
    assert make.exif(make.tiff([(tag, 2, b"Service 5\0")], order)) == {name: "Service 5"}


@pytest.mark.parametrize("header", [b"", b"Exif\0\0", b"Exif\0\xff", b"\0\0\0\6Exif\0\0"])
def test_headers_before_exif(make: Any, header: bytes) -> None:
    tiff = make.tiff([(0x0131, 2, b"Editor 1.0\0")])
    expected = {"exif_software": "Editor 1.0"}
    assert make.png(make.chunk(b"eXIf", header + tiff)) == expected
    assert make.read(make.image("WEBP") + make.riff(b"EXIF", header + tiff)) == expected
    jxl = make.box(b"JXL ", b"\r\n\x87\n") + make.box(b"Exif", bytes(4) + header + tiff)
    assert make.read(jxl) == expected
    if header:
        assert make.jpeg(make.segment(0xE1, b"Exif\0\0" + header + tiff)) == expected


def test_profiles_of_imagemagick(make: Any) -> None:
    tiff = b"Exif\0\0" + make.tiff([(0x0131, 2, b"Editor 1.0\0")])
    credit = b"\x1c\x02\x6e\0\x06Agency"
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(credit)) + credit + b"\0"
    expected = {
        "exif": (tiff, {"exif_software": "Editor 1.0"}),
        "APP1": (b"http://ns.adobe.com/xap/1.0/\0" + XMP, {**FROM_XMP}),
        "app1": (tiff, {"exif_software": "Editor 1.0"}),
        "xmp": (XMP, {**FROM_XMP}),
        "iptc": (block, {"iptc_credit": "Agency"}),
        "8bim": (credit, {"iptc_credit": "Agency"}),
    }
    for name, (data, found) in expected.items():
        lines = "\n".join(data.hex()[start : start + 72] for start in range(0, 2 * len(data), 72))
        text = f"\n{name}\n{len(data):8}\n{lines}\n".encode()
        keyword = b"Raw profile type " + name.encode() + b"\0"
        assert make.png(make.chunk(b"tEXt", keyword + text)) == found, name
        assert make.png(make.chunk(b"zTXt", keyword + b"\0" + zlib.compress(text))) == found, name
    broken = make.chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 20\nnot hexadecimal")
    found = make.png(broken, make.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP))
    assert found.pop("provenance_notes") == "PNG text 'raw profile type exif' is damaged"
    assert found == FROM_XMP


def test_iptc(make: Any) -> None:
    names = {
        b"\x05": "iptc_title",
        b"\x19": "iptc_keywords",
        b"\x28": "iptc_instructions",
        b"\x41": "iptc_program",
        b"\x50": "iptc_byline",
        b"\x6e": "iptc_credit",
        b"\x73": "iptc_source",
        b"\x74": "iptc_copyright",
        b"\x78": "iptc_caption",
    }
    short = b"".join(b"\x1c\x02" + number + b"\0\x05caf\xe9" + number for number in names)
    long = b"\x1c\x02\x6e\x80\x04\0\0\0\x07\xe7\x8c\xab LLC"
    for records in (short.replace(b"\xe9", b"e"), short):
        letter = "e" if b"\xe9" not in records else "é"
        resource = b"8BIM\x04\x04\x03abc" + struct.pack(">I", len(records + long)) + records + long
        resources = b"8BIM\x03\xed\0\0\0\0\0\1x\0" + resource
        half = len(resources) // 2
        parts = [make.segment(0xED, b"Photoshop 3.0\0" + part) for part in (resources[:half], resources[half:])]
        found = make.jpeg(*parts)
        assert found.pop("iptc_credit") == f"caf{letter}n; 猫 LLC"
        assert {name: value[:4] for name, value in found.items()} == {
            name: f"caf{letter}" for name in names.values() if name != "iptc_credit"
        }
    tiff = make.tiff([(0x83BB, 7, long), (0x8649, 7, resource)])
    assert make.read(tiff)["iptc_credit"] == "猫 LLC; cafén"


def test_comments_of_jpeg_and_gif(make: Any) -> None:
    segments = [make.segment(0xFE, text) for text in (b"", b"Steps: 20\0", b"caf\xe9")]
    assert make.jpeg(*segments) == {"jpeg_comment": "Steps: 20; café"}
    text = b"a" * 255, b"b" * 20
    comment = b"!\xfe" + b"".join(bytes([len(part)]) + part for part in text) + b"\0"
    assert make.gif(comment) == {"gif_comment": (b"".join(text)).decode()}


@pytest.mark.parametrize("junk", [b"\0", b"\0\0", b"\xff\0", b"\xff\xff", b"junk" * 100, b"\xff\x02\xff\0ab" * 500])
def test_stray_bytes_between_segments_are_skipped(make: Any, junk: bytes) -> None:
    segment = make.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    assert make.jpeg(make.segment(0xEC, b"Ducky"), junk, segment) == FROM_XMP


def test_chunks_of_odd_length_are_padded(make: Any) -> None:
    chunks = (
        make.riff(b"ABCD", b"odd") + make.riff(b"XMP ", XMP + b" " * (1 - len(XMP) % 2)) + make.riff(b"C2PA", b"store")
    )
    assert make.read(make.image("WEBP") + chunks) == {**FROM_XMP, "c2pa_manifest": "present, not validated"}


def test_gif(make: Any) -> None:
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    whole = b"!\xff\x0bXMP DataXMP" + XMP + trailer
    parts = [XMP[start : start + 255] for start in range(0, len(XMP), 255)]
    blocks = b"!\xff\x0bXMP DataXMP" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    store = b"!\xff\x0bC2PA_GIF\1\0\0" + bytes([len(JUMBF)]) + JUMBF + b"\0"
    image = make.image("GIF")
    for extension in (whole, blocks):
        assert make.gif(extension, store) == {**FROM_XMP, "c2pa_manifest": "present, not validated"}
        assert make.read(image[:-1] + extension + b";") == FROM_XMP  # behind the pixels, with a color table before
    assert make.gif(b"!\xff\x0bNETSCAPE2.0\x03\1\0\0\0", store) == {"c2pa_manifest": "present, not validated"}


def test_jpeg_xl(make: Any) -> None:
    signature = make.box(b"JXL ", b"\r\n\x87\n") + make.box(b"ftyp", b"jxl \0\0\0\0jxl ")
    exif = make.box(b"Exif", bytes(4) + make.tiff([(0x0131, 2, b"Editor 1.0\0")]))
    found = make.read(signature + make.box(b"jxlc", b"\xff\n") + exif + make.box(b"xml ", XMP) + JUMBF)
    assert found == {"exif_software": "Editor 1.0", **FROM_XMP, "c2pa_manifest": "present, not validated"}
    long = struct.pack(">I4sQ", 1, b"uuid", 32 + len(XMP)) + bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP
    assert make.read(signature + long) == FROM_XMP
    found = make.read(signature + make.box(b"brob", b"xml " + b"..."))
    assert found == {"provenance_notes": "a box 'xml' is compressed by Brotli and was not read"}


def test_jpeg_2000(make: Any) -> None:
    tiff = make.tiff([(0x0131, 2, b"Editor 1.0\0")], ">")
    boxes = make.box(b"uuid", b"JpgTiffExif->JP2" + tiff)
    boxes += make.box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP)
    boxes += make.box(b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + b"\x1c\x02\x6e\0\x06Agency")
    found = make.read(make.image("JPEG2000") + boxes)
    assert found == {"exif_software": "Editor 1.0", **FROM_XMP, "iptc_credit": "Agency"}


@pytest.mark.parametrize("method", [0, 1])
def test_items_in_several_extents(make: Any, method: int) -> None:
    """Offsets are counted from the start of the file, or of the box `idat`."""
    infe = make.box(b"infe", b"\2\0\0\0" + b"\0\1\0\0mime\0Application/RDF+XML\0")
    iinf = make.box(b"iinf", bytes(4) + b"\0\1" + infe)
    head = make.box(b"ftyp", b"avif\0\0\0\0")
    idat = make.box(b"idat", b"--" + XMP)
    # The box meta: header and version, then iinf, iloc (44 bytes), idat.
    start = 2 if method else len(head) + 12 + len(iinf) + 44 + 8 + 2
    extents = struct.pack(">HHIIII", 0, 2, start, 100, start + 100, len(XMP) - 100)
    iloc = make.box(b"iloc", b"\1\0\0\0\x44\0\0\1\0\1" + struct.pack(">H", method) + extents + bytes(4))
    assert len(iloc) == 44
    assert make.read(head + make.box(b"meta", bytes(4) + iinf + iloc + idat)) == FROM_XMP


@pytest.mark.parametrize("order", ["<", ">"])
def test_big_tiff(make: Any, order: str) -> None:
    """Offsets and numbers of 64 bits; a link to a directory may have 64 as well."""
    entries = struct.pack(order + "HHQ8s", 305, 2, 8, b"PaintX1\0") + struct.pack(order + "HHQQ", 271, 2, 9, 108)
    entries += struct.pack(order + "HHQQ", 0x8769, 16, 1, 120)
    directory = struct.pack(order + "Q", 3) + entries + bytes(8)
    inner = struct.pack(order + "QHHQ8s", 1, 0x010D, 2, 4, b"Doc\0")
    head = {"<": b"II+\0", ">": b"MM\0+"}[order] + struct.pack(order + "HHQ", 8, 0, 16)
    data = ((head + directory).ljust(108, b"\0") + b"Camera 1\0").ljust(120, b"\0") + inner + bytes(8)
    assert make.read(data) == {"exif_software": "PaintX1", "exif_make": "Camera 1", "exif_document_name": "Doc"}


def test_c2pa_with_a_long_length(make: Any) -> None:
    box = b"\0\0\0\1jumb" + struct.pack(">Q", len(JUMBF) + 8) + JUMBF[8:]
    assert make.jpeg(make.segment(0xEB, b"JP\0\1\0\0\0\1" + box)) == {"c2pa_manifest": "present, not validated"}
